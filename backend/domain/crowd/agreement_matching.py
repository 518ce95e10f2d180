"""Best matching: which objects of one person are which of another's."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def best_matching(gains: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The pairs (row, column) with the highest sum of gains, each row and column at most once, by row.

    gains: [N, M], at least 0. A pair without a gain is left out. Kuhn 1955, with shortest augmenting paths: O(N² M).
    """
    if not gains.size:
        return []
    if gains.shape[0] > gains.shape[1]:
        return sorted((row, column) for column, row in best_matching(gains.T))
    row_of = _assigned(-gains)
    pairs = sorted((row, column) for column, row in enumerate(row_of) if row >= 0)
    return [(row, column) for row, column in pairs if gains[row, column] > 0]


def _assigned(costs: NDArray[np.float64]) -> list[int]:
    """The row of each column, -1 without one, at the lowest sum of costs. costs: [N, M], N <= M; every row has one."""
    rows, columns = costs.shape
    padded = np.pad(costs, ((1, 0), (1, 0)))  # rows and columns are counted from 1, 0 is none
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    row_at = np.zeros(columns + 1, np.int64)
    for row in range(1, rows + 1):
        row_at[0] = row
        before = _shortest_path(padded, row_at, row_price, column_price)
        column = before.pop()
        while column:
            row_at[column] = row_at[before[column]]
            column = before[column]
    return [int(row) - 1 for row in row_at[1:]]


def _shortest_path(
    costs: NDArray[np.float64],
    row_at: NDArray[np.int64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
) -> list[int]:
    """From column 0 to one without a row: the column before each column, and at the end the one reached.

    Updates the prices.
    """
    count = costs.shape[1]
    least, before, seen = np.full(count, math.inf), [0] * count, np.zeros(count, np.bool_)
    column = 0
    while row_at[column]:
        seen[column] = True
        row = row_at[column]
        reduced = costs[row] - row_price[row] - column_price
        shorter = ~seen & (reduced < least)
        least[shorter] = reduced[shorter]
        for other in np.flatnonzero(shorter):
            before[int(other)] = column
        following = int(np.where(seen, math.inf, least).argmin())
        step = least[following]
        row_price[row_at[seen]] += step
        column_price[seen] -= step
        least[~seen] -= step
        column = following
    return [*before, column]
