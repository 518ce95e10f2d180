"""What is known of a person, always with the interval in which it lies and the observations it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share, 0..1, with its 95 % interval. observations: how many it is from, after decay; 0: the prior alone."""

    mean: float
    low: float
    high: float
    observations: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.mean <= self.high <= 1.0 or self.observations < 0.0:
            raise ValueError(f"no estimate: {self.low} <= {self.mean} <= {self.high}, {self.observations}")

    def document(self) -> dict[str, object]:
        """As JSON: the value is never without its interval."""
        return {
            "mean": round(self.mean, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "observations": round(self.observations, 1),
        }


@dataclass(frozen=True, slots=True)
class PersonQuality:
    """A person of a project. user: Masklet's name of Label Studio's user. None: nothing was observed.

    trust: the share of right masks that is expected of the person. agreement: IoU with others. gold: the share of gold
    masks that were right. verdicts: other people's verdicts on the person's masklets.
    """

    user: str
    trust: Estimate
    agreement: Estimate | None = None
    gold: Estimate | None = None
    verdicts: Mapping[Verdict, int] = field(default_factory=dict)
