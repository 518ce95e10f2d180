"""Label Studio's import JSON: tasks with their masks as predictions, or as annotations if a person approved all.

    tasks.json                  one task per video
    label_config.xml            for the project of these tasks
    pages/<video>/000000.jpg    every frame of the video, if it is available

Masks are brush regions on pages, one page per frame of the video, kept or not: the page number is the frame number.
The addresses of pages are relative paths; the user puts the server's address before them. A task that came from Label
Studio keeps its own data and label config. A task gets an annotation if a person approved all its exported masks.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol
from xml.sax.saxutils import quoteattr

from backend.adapters.formats.shared.images import colour_of, jpeg
from backend.adapters.formats.shared.json_lists import SpooledJsonList, json_bytes, list_pieces
from backend.adapters.formats.shared.labels import LabelNumbers
from backend.adapters.formats.shared.masks import pixel_box
from backend.application.ports.datasets import (
    DatasetVideo,
    FormatTraits,
    ManifestEntry,
    Picture,
    Pictures,
    PlannedVideo,
    Target,
)
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.geometry import Box, FrameSize
from backend.domain.uncertainty.scoring import score_of_frames
from backend.domain.video import VideoInfo

Region = dict[str, object]

TRAITS = FormatTraits(
    "labelstudio",
    1,
    "kept: every object is a region of its own",
    Pictures.OPTIONAL,
    takes_boxes=True,
    every_frame=True,
)
PAGES_CONFIG = """<View>
  <BrushLabels name="mask" toName="frames">
{labels}
  </BrushLabels>
  <Image name="frames" valueList="$frames" zoom="true" zoomControl="true"/>
</View>
"""


class Regions(Protocol):
    """Writes the regions of a label config (adapters/labelstudio)."""

    def of_task(self, label_config: str, data: Mapping[str, object]) -> str:
        """The label config with what it takes from the task's data, for the other methods."""
        ...

    def is_video(self, label_config: str) -> bool:
        """Whether the config has one region per object, not one per object and page."""
        ...

    def on_page(
        self, shown: LabelledMask, frame_index: int, *, label_config: str, key: str, is_shared: bool
    ) -> list[Region]:
        """The regions of one object on one page. key: of the video. is_shared: another object has its label.

        Raises PromptError for a label it cannot write.
        """
        ...

    def through_video(
        self,
        what: DatasetObject,
        boxes: Iterable[tuple[int, Box]],
        *,
        info: VideoInfo,
        label_config: str,
    ) -> list[Region]:
        """The region of an object. boxes: ascending by frame."""
        ...


class LabelStudioFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def __init__(self, regions: Regions) -> None:
        self._regions = regions

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._tasks = SpooledJsonList(target)
        self._labels = LabelNumbers()
        self._configs: dict[str, None] = {}

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Task]:
        labels = [item.label for item in video.objects]
        for label in labels if video.task is None else ():
            self._labels.of(label)
        config = pages_config(dict.fromkeys(labels)) if video.task is None else video.task.label_config
        if video.task is not None:
            self._configs[config] = None
        with SpooledJsonList(self._target) as regions:
            filled = config if video.task is None else self._regions.of_task(config, video.task.data)
            task = _Task(self._target, planned, video, regions, write=self._regions, label_config=filled)
            yield task
            self._tasks.add_pieces(task.pieces())

    def finish(self) -> ManifestEntry:
        with self._target.open("tasks.json") as out:
            self._tasks.write_to(out)
            out.write(b"\n")
        self._tasks.close()
        configs = list(self._configs)
        if self._labels.items():
            configs.append(pages_config(label for _, label in self._labels.items()))
        names = ["label_config.xml", *(f"label_config_{number}.xml" for number in range(2, len(configs) + 1))]
        for name, config in zip(names, configs, strict=False):
            self._target.write(name, config.encode("utf-8", "replace"))
        return {"label_configs": names[: len(configs)]}


class _Task:
    """Spools the regions of a task: annotation or prediction is known after the last frame."""

    def __init__(
        self,
        target: Target,
        planned: PlannedVideo,
        video: DatasetVideo,
        regions: SpooledJsonList,
        *,
        write: Regions,
        label_config: str,
    ) -> None:
        self._target = target
        self._folder = planned.folder
        self._key = planned.entry.key
        self._video = video
        self._regions = regions
        self._write = write
        self._label_config = label_config
        self._is_video = write.is_video(label_config)
        self._boxes: dict[DatasetObject, array[float]] = {item: array("d") for item in video.objects}
        self._with_label = Counter(item.label for item in video.objects)
        self._seen = array("d")
        self._approved = True

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        if picture is not None and self._video.task is None:
            self._target.write(self._page(frame.frame_index), jpeg(picture.pixels))
        if frame.present:
            self._seen.append(min(max(shown.selection_uncertainty for shown in frame.present), 1.0))
        for shown in frame.present:
            self._approved &= shown.approved
            if self._is_video:
                box = pixel_box(shown, self._video.info.size)
                values = (frame.frame_index, box.x, box.y, box.x + box.width, box.y + box.height)
                self._boxes[shown.item].extend(values)
                continue
            for region in self._write.on_page(
                shown,
                frame.frame_index,
                label_config=self._label_config,
                key=self._key,
                is_shared=self._with_label[shown.item.label] > 1,
            ):
                self._regions.add(region)

    def pieces(self) -> Iterator[bytes]:
        """The task's JSON."""
        for item, values in self._boxes.items():
            if values:
                boxes = _boxes(values, self._video.info.size)
                for region in self._write.through_video(
                    item, boxes, info=self._video.info, label_config=self._label_config
                ):
                    self._regions.add(region)
        yield b'{"data":'
        yield from self._data()
        kind = "annotations" if self._approved else "predictions"
        yield f',"{kind}":[{{'.encode()
        if not self._approved:
            version = str(self._video.provenance.get("model") or "masklet")
            head = {"model_version": version, "score": round(score_of_frames(enumerate(self._seen)), 4)}
            yield json_bytes(head)[1:-1] + b","
        yield b'"result":'
        yield from self._regions.pieces()
        yield b"}]}"

    def _data(self) -> Iterator[bytes]:
        if self._video.task is not None:
            yield json_bytes(self._video.task.data)
            return
        yield b'{"video":' + json_bytes(self._folder) + b',"frames":'
        yield from list_pieces(self._page(index) for index in range(self._video.info.frame_count))
        yield b"}"

    def _page(self, frame_index: int) -> str:
        return f"pages/{self._folder}/{frame_index:06d}.jpg"


def pages_config(labels: Iterable[str]) -> str:
    """A label config for masks on pages."""
    lines = (
        f"    <Label value={quoteattr(label)} background={quoteattr(_hex(n))}/>" for n, label in enumerate(labels, 1)
    )
    return PAGES_CONFIG.format(labels="\n".join(lines))


def _hex(number: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour_of(number))


def _boxes(values: array[float], size: FrameSize) -> Iterator[tuple[int, Box]]:
    """Relative boxes from frame index and pixel edges, five values per box."""
    for at in range(0, len(values), 5):
        index, x0, y0, x1, y1 = values[at : at + 5]
        x1, y1 = min(x1 / size.width, 1.0), min(y1 / size.height, 1.0)
        yield int(index), Box(x0 / size.width, y0 / size.height, x1, y1)
