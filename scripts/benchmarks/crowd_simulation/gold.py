"""How soon gold finds people whose work is of no use, and how often it accuses others.

Each person works on tasks in order, of which the shipped policy makes a share gold: more for newcomers. After each
compared frame the shipped rule says whether the person's work is sent back, from gold alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from backend.application.crowd.quality.measure import gold_masks
from backend.domain.crowd.gold import compared_frames
from backend.domain.crowd.trust import DEFAULT_POLICY, Observation, is_sent_back, trust_of
from scripts.benchmarks.crowd_simulation.people import BAD, GOOD, Masks, Person, crowd, shown
from scripts.benchmarks.crowd_simulation.work import CODEC, FRAMES, MaskVideo, truth_of

GOLD_TASKS = 10
"""Gold tasks that a person meets at most: 50 frames."""

NOT_FOUND = 1000


def gold_figures(seeds: Sequence[int], *, sequences: int, first_clip: int) -> dict[str, object]:
    """bad_found_after_gold: the median of compared gold frames. good_flagged: the share of good people sent back.

    Intervals: people drawn with replacement. sequences: orders of gold tasks for each crowd.
    """
    found: dict[str, list[int]] = {str(kind): [] for kind in (*BAD, *GOOD)}
    truths = [truth_of(first_clip + number) for number in range(GOLD_TASKS)]
    for seed in seeds:
        for order in range(sequences):
            for at, person in enumerate(crowd(seed)):
                if str(person.kind) in found and (person.kind in BAD or order < max(sequences // 3, 1)):
                    found[str(person.kind)].append(frames_until_found(person, truths, (seed, 14, order, at)))
    bad = [frames for kind in BAD for frames in found[str(kind)]]
    good = [frames != NOT_FOUND for kind in GOOD for frames in found[str(kind)]]
    rng = np.random.default_rng(0)
    medians = [float(np.median(rng.choice(bad, len(bad)))) for _ in range(1000)]
    shares = [float(np.mean(rng.choice(good, len(good)))) for _ in range(1000)]
    return {
        "bad_found_after_gold": {
            "value": float(np.median(bad)),
            "interval": [float(value) for value in np.percentile(medians, [2.5, 97.5])],
            "by_kind": {str(kind): float(np.median(found[str(kind)])) for kind in BAD},
            "not_found": float(np.mean([frames == NOT_FOUND for frames in bad])),
        },
        "good_flagged": {
            "value": float(np.mean(good)),
            "interval": [float(value) for value in np.percentile(shares, [2.5, 97.5])],
            "people": len(good),
        },
    }


def frames_until_found(person: Person, truths: Sequence[Masks], seed: tuple[int, ...]) -> int:
    """The compared gold frames after which the person's work is sent back; NOT_FOUND if it never is."""
    rng = np.random.default_rng(seed)
    policy = replace(DEFAULT_POLICY, half_life_days=0.0)
    seen: list[Observation] = []
    frames = 0
    for at in rng.permutation(len(truths)):
        truth = truths[int(at)]
        prelabel = partial(shown, truth, rng=rng, gold=f"{seed}{at}")
        given = person.masks(truth, prelabel, tiredness=0.0, rng=rng)
        compared = compared_frames(FRAMES, offset=float(rng.random()))
        masks = gold_masks(MaskVideo(given), MaskVideo(truth), compared, CODEC)
        for frame in compared:
            frames += 1
            of_frame = [each for each in masks if each.frame_index == frame]
            seen += [Observation(float(each.is_right), policy.gold_weight, 0.0) for each in of_frame]
            if is_sent_back(trust_of(seen, now_s=0.0, policy=policy), policy):
                return frames
    return NOT_FOUND
