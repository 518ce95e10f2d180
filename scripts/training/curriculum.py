"""The curriculum: what is shown when. Stages are measured in fractions of the run's minutes.

Single frames with plain, equally visible objects come first, until prompts mean something to the model;
then clips, for the memory; then harder pictures, hiding and the final image size; then long absences.
"""

from __future__ import annotations

from dataclasses import dataclass

from scripts.training.scenes import SceneSpec


@dataclass(frozen=True)
class Stage:
    """``until`` is the fraction of the run at which the stage ends; pairs go from its start to its end."""

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
        """The scene wishes ``share`` (0..1) of the way through the stage."""
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
    """The index of the stage at ``progress`` (0..1) of the run, and the share of that stage behind us."""
    start = 0.0
    for index, stage in enumerate(STAGES):
        if progress < stage.until or index == len(STAGES) - 1:
            return index, min(1.0, (progress - start) / (stage.until - start))
        start = stage.until
    raise AssertionError("the last stage ends at 1.0")
