"""Formats by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backend.adapters.formats.boxes_csv import BoxesCsvFormat
from backend.adapters.formats.coco import CocoFormat
from backend.adapters.formats.coco_rle import CocoRleFormat
from backend.adapters.formats.davis import DavisFormat
from backend.adapters.formats.greenscreen import GREEN, Colour, GreenscreenFormat
from backend.adapters.formats.labelstudio import LabelStudioFormat, Regions
from backend.adapters.formats.mot import MotFormat
from backend.adapters.formats.mots import MotsFormat
from backend.adapters.formats.overlay import OverlayFormat
from backend.adapters.formats.sav import SavFormat
from backend.adapters.formats.yolo import Split, YoloFormat
from backend.adapters.formats.youtubevis import YoutubeVisFormat
from backend.application.ports.datasets import DatasetFormat
from backend.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """What some formats can be told; the others take no notice.

    split: of YOLO. background, offset: of the green screen. regions: writes Label Studio's regions.
    """

    regions: Regions
    split: Split = field(default_factory=Split)
    background: Colour = GREEN
    offset: int = 0


FORMATS: Mapping[str, Callable[[FormatOptions], DatasetFormat]] = {
    "davis": lambda _: DavisFormat(),
    "sav": lambda _: SavFormat(),
    "youtubevis": lambda _: YoutubeVisFormat(),
    "coco": lambda _: CocoFormat(),
    "mot": lambda _: MotFormat(),
    "mots": lambda _: MotsFormat(),
    "yolo-seg": lambda options: YoloFormat(segment=True, split=options.split),
    "yolo": lambda options: YoloFormat(segment=False, split=options.split),
    "boxes-csv": lambda _: BoxesCsvFormat(),
    "coco-rle": lambda _: CocoRleFormat(),
    "overlay": lambda _: OverlayFormat(),
    "greenscreen": lambda options: GreenscreenFormat(background=options.background, offset=options.offset),
    "labelstudio": lambda options: LabelStudioFormat(options.regions),
}


def format_of(name: str, options: FormatOptions) -> DatasetFormat:
    """Raises InvalidInput naming the formats that there are."""
    if name not in FORMATS:
        raise InvalidInput(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name](options)
