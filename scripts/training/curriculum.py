"""The curriculum: the training data by stage. A stage ends at a fraction of the run's minutes.

The order is: single frames with plain, equally visible objects, for the prompts; clips, for the memory; harder
pictures, hidden objects and the final image size; long absences.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.training.drawn.scenes import SceneSpec


@dataclass(frozen=True)
class Stage:
    """One stage. ``until``: the fraction of the run at its end. Pairs: values at its start and its end."""

    name: str
    until: float
    image_size: int
    scenes: int
    frames: tuple[int, ...]
    objects: tuple[int, ...]
    difficulty: tuple[float, float]
    hiding: float
    single_share: float = 0.0
    alpha: float = 0.5

    def spec(self, share: float, frames: int, objects: int) -> SceneSpec:
        """The scene parameters after ``share`` (0..1) of the stage."""
        low, high = self.difficulty
        hiding = self.hiding if frames > 1 else 0.3 * self.hiding
        return SceneSpec(frames, self.image_size, objects, low + (high - low) * share, 1.0, hiding)


STAGES: tuple[Stage, ...] = (
    Stage("singles-easy", 0.08, 128, 16, (1,), (2, 3, 3, 4), (0.0, 0.4), 0.0, alpha=0.85),
    Stage("clips-short", 0.16, 128, 6, (3, 4), (2, 3), (0.25, 0.5), 0.3, single_share=0.3),
    Stage("clips-long", 0.20, 128, 4, (5, 6, 8), (2, 3), (0.4, 0.8), 0.6, single_share=0.25),
    Stage("final-size", 0.50, 192, 2, (6, 8, 10, 12), (2, 3), (0.4, 0.85), 0.8, single_share=0.15),
    Stage("absences", 1.0, 192, 2, (8, 12, 16), (2, 3), (0.4, 0.85), 0.9, single_share=0.1),
)


def stage_at(progress: float) -> tuple[int, float]:
    """The index of the stage at ``progress`` (0..1) of the run, and the completed share (0..1) of that stage."""
    start = 0.0
    for index, stage in enumerate(STAGES):
        if progress < stage.until or index == len(STAGES) - 1:
            return index, min(1.0, (progress - start) / (stage.until - start))
        start = stage.until
    raise AssertionError("the last stage ends at 1.0")
