"""One optimiser step, and the running average of the weights that is exported."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

MAX_GRADIENT_NORM = 1.0
LONGEST_MEMORY = 0.998
"""The largest share of the average that a step keeps."""


def take_step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, *, learning_rate: float) -> None:
    """Changes the model's weights by the gradient of a loss (a scalar), clipped to MAX_GRADIENT_NORM.

    A group of the optimizer with a "share" has this share of the rate.
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group.get("share", 1.0)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()


@torch.no_grad()
def average_weights(average: Mapping[str, Tensor], model: nn.Module, steps: int) -> None:
    """Moves the average, of all or some weights, towards the model's, in place.

    steps: taken before this one; early ones weigh more.
    """
    decay = min(LONGEST_MEMORY, (1 + steps) / (20 + steps))
    weights = model.state_dict()
    for name, value in average.items():
        value.lerp_(weights[name], 1 - decay)
