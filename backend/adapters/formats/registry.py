"""The registry of formats by name."""

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
from backend.adapters.formats.shared.labels import NO_CLASSES, KnownClasses
from backend.adapters.formats.yolo import Split, YoloFormat
from backend.adapters.formats.youtubevis import YoutubeVisFormat
from backend.application.ports.datasets import DatasetFormat
from backend.domain.datasets import FormatName
from backend.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """Options of individual formats.

    split: of YOLO. classes: of the formats with class numbers.
    background, offset: of the green screen. regions: writes Label Studio's regions.
    """

    regions: Regions
    split: Split = field(default_factory=Split)
    background: Colour = GREEN
    offset: int = 0
    classes: KnownClasses = NO_CLASSES


FORMATS: Mapping[FormatName, Callable[[FormatOptions], DatasetFormat]] = {
    FormatName.DAVIS: lambda _: DavisFormat(),
    FormatName.SAV: lambda _: SavFormat(),
    FormatName.YOUTUBEVIS: lambda options: YoutubeVisFormat(options.classes),
    FormatName.COCO: lambda options: CocoFormat(options.classes),
    FormatName.MOT: lambda options: MotFormat(options.classes),
    FormatName.MOTS: lambda options: MotsFormat(options.classes),
    FormatName.YOLO_SEG: lambda options: YoloFormat(segment=True, split=options.split, known=options.classes),
    FormatName.YOLO: lambda options: YoloFormat(segment=False, split=options.split, known=options.classes),
    FormatName.BOXES_CSV: lambda _: BoxesCsvFormat(),
    FormatName.COCO_RLE: lambda _: CocoRleFormat(),
    FormatName.OVERLAY: lambda _: OverlayFormat(),
    FormatName.GREENSCREEN: lambda options: GreenscreenFormat(background=options.background, offset=options.offset),
    FormatName.LABELSTUDIO: lambda options: LabelStudioFormat(options.regions),
}

WITH_CLASSES = (
    FormatName.YOUTUBEVIS,
    FormatName.COCO,
    FormatName.MOT,
    FormatName.MOTS,
    FormatName.YOLO_SEG,
    FormatName.YOLO,
)
"""The formats that number classes."""


def format_of(name: str, options: FormatOptions) -> DatasetFormat:
    """The format of this name. Raises InvalidInput with the names of all formats."""
    try:
        return FORMATS[FormatName(name)](options)
    except ValueError:
        raise InvalidInput(f"there is no format {name!r}; there are {', '.join(FormatName)}") from None
