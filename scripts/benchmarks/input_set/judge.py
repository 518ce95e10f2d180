"""The verdict on an input: as it is, then as `masklet import` takes it in, then by the remedy that Masklet names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urljoin

from backend.adapters.media.reencode import reencode_to
from backend.application.imports.model import ImportMode, Reencode
from backend.domain.errors import MaskletError
from backend.domain.tasks import MediaRef
from scripts.benchmarks.input_set.browser import Chromium
from scripts.benchmarks.input_set.compare import Comparison, compare_pages, compare_video
from scripts.benchmarks.input_set.masklet import MaskletSide, numbers_text
from scripts.benchmarks.input_set.model import Input, Kind, Row, Verdict
from scripts.benchmarks.input_set.remedies import Remedy, remedies_in
from scripts.benchmarks.input_set.server import file_address

SHOWN = "shown"


@dataclass(frozen=True, slots=True)
class Way:
    """What came of an input in one way. read: the numbers of the frames that Masklet reads.

    refusal: Masklet's sentence instead; browser: then, what the browser does with the file. told: what else Masklet
    says about it: the worker's log, the import, or `masklet status`.
    """

    read: Sequence[int | None] = ()
    refusal: str = ""
    browser: str = ""
    told: str = ""
    compared: Comparison | None = None

    @property
    def is_wrong(self) -> bool:
        return self.compared is not None and bool(self.compared.faults)

    @property
    def is_whole(self) -> bool:
        """Whether the browser shows all of it, and Masklet agrees."""
        return self.compared is not None and self.compared.agrees and not self.compared.unseen

    @property
    def found(self) -> str:
        return "refused" if self.compared is None else self.compared.sentence

    @property
    def sentence(self) -> str:
        return f"refused: {self.refusal}" if self.compared is None else self.found


@dataclass(frozen=True, slots=True)
class Judge:
    """files: the folder that the server serves."""

    chromium: Chromium
    masklet: MaskletSide
    server_url: str
    files: Path

    def judge(self, given: Input, folder: Path) -> Row:
        """Makes an input in a new folder below `files`, and compares."""
        path = folder / given.file
        folder.mkdir(parents=True)
        given.write(path)
        as_it_is, imported = self.as_it_is(given, path), self.imported(path)
        verdict, reason = self._verdict(given, path, as_it_is, imported)
        return Row(
            name=given.name,
            kind=given.kind,
            browser=as_it_is.browser or as_it_is.sentence,
            masklet=as_it_is.refusal or f"reads {numbers_text(as_it_is.read)}",
            imported=imported.sentence,
            verdict=verdict,
            reason=reason,
        )

    def as_it_is(self, given: Input, path: Path) -> Way:
        """The file in Label Studio's place: the browser and a worker get the same address."""
        is_pages = given.kind is Kind.PICTURES
        paths = sorted(path.iterdir()) if is_pages else [path]
        addresses = tuple(given.address(file_address(each, self.files)) for each in paths)
        return self._compared(MediaRef(addresses, is_pages=is_pages))

    def imported(self, path: Path, reencode: Reencode = Reencode.AUTO) -> Way:
        """The tasks that imports make: of a video one with its frames as pages, and one with the video."""
        modes = (ImportMode.PAGES,) if path.is_dir() else (ImportMode.PAGES, ImportMode.VIDEO)
        for mode in modes:
            try:
                medium = self.masklet.imported(path, mode, reencode)
            except MaskletError as error:
                return Way(refusal=str(error))
            way = self._compared(self.masklet.task_of(medium, mode))
            if not way.is_whole:
                return replace(way, told=self.masklet.told_by_status(medium))
        return replace(way, told=medium.note)

    def _compared(self, media: MediaRef) -> Way:
        try:
            seen = self.masklet.see(media)
        except MaskletError as error:
            return Way(refusal=str(error), browser=self._alone(media))
        read = seen.numbers
        if not media.is_pages:
            compared = compare_video(self.chromium, self.server_url, media, seen)
            return Way(read, told=seen.warning, compared=compared)
        last = len(seen.readings) - 1
        pages = sorted({0, last // 2, last})
        return Way(read, compared=compare_pages(self.chromium, self.server_url, media, seen, pages))

    def _alone(self, media: MediaRef) -> str:
        """What the browser does with media that Masklet refuses."""
        address = urljoin(self.server_url, media.addresses[0])
        if media.is_pages:
            return "no picture is shown" if self.chromium.picture(address) is None else SHOWN
        error = self.chromium.open_video(address).error
        return f"not played: {error}" if error else SHOWN

    def _verdict(self, given: Input, path: Path, as_it_is: Way, imported: Way) -> tuple[Verdict, str]:
        frames = given.numbers or (as_it_is.read if given.kind is Kind.VIDEO else ())  # an import may show animations
        for way in (as_it_is, imported):
            if not _has_all(way, frames):
                return Verdict.WRONG, f"Masklet reads {numbers_text(way.read)}, not {numbers_text(frames)}"
        if not imported.is_whole:
            told, found = imported.refusal or imported.told, f"imported: {imported.found}"
        elif as_it_is.is_wrong or (as_it_is.compared is None and as_it_is.browser == SHOWN):
            told, found = as_it_is.refusal or as_it_is.told, f"as it is: {as_it_is.found}"
        elif as_it_is.is_whole:
            return Verdict.AGREE, ""
        else:
            shown = as_it_is.browser or as_it_is.sentence
            return Verdict.AGREE, f"as it is {shown}; imported ({imported.told or 'unchanged'}) it agrees"
        return self._remedied(given, path, told, found, frames)

    def _remedied(
        self, given: Input, path: Path, told: str, found: str, frames: Sequence[int | None]
    ) -> tuple[Verdict, str]:
        """Carries out the remedies in what Masklet told; one that works is enough."""
        named = remedies_in(told)
        for remedy in named:
            try:
                way = self._after(remedy, given, path)
            except (MaskletError, OSError) as error:
                way = Way(refusal=str(error))
            if way.is_whole and _has_all(way, frames):
                return Verdict.REFUSED, f"{found}; told: {told} [{remedy}: {way.sentence}]"
        tried = ", ".join(named) + ": it does not work" if named else "no remedy is named"
        return Verdict.WRONG, f"{found}; told: {told or 'nothing'} [{tried}]"

    def _after(self, remedy: Remedy, given: Input, path: Path) -> Way:
        if remedy is Remedy.REENCODE:
            return self.imported(path, Reencode.ALWAYS)
        if remedy is Remedy.IMPORT:
            return self.imported(path)
        if remedy is Remedy.COPY:
            target = path.with_name("copy.mp4")
            reencode_to(path, target)
            return self.as_it_is(Input(given.name, given.write, target.name), target)
        if given.intact is None:
            return Way(refusal="there is no undamaged file")
        given.intact(path)
        return self.imported(path)


def _has_all(way: Way, frames: Sequence[int | None]) -> bool:
    """Whether Masklet reads these frames, each once and in order, of what the browser shows; with none given, true."""
    return way.compared is None or not way.compared.seen or not frames or list(way.read) == list(frames)
