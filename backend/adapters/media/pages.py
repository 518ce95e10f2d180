"""A task's page images as a video: page n is frame n-1.

Pages are read as a browser shows them (EXIF orientation applied, opaque RGB). Greys of more than 8 bits are stretched.
All pages must have one size: the masks of an object share one frame size.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from backend.adapters.media.damaged import damage_named
from backend.adapters.media.probe import require_sane_size
from backend.application.ports.frame_by_frame import FrameByFrame
from backend.domain.errors import MediaError
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo

logger = logging.getLogger(__name__)

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
_EXIF_ORIENTATION = 0x0112
PAGE_MARK = "#"
MAY_HAVE_SEVERAL = (".tif", ".gif", ".webp", ".avif", ".png")
"""How the suffixes of files begin that may have several pages or frames."""
GREY_BITS = (8, 10, 12, 14, 16)
LEAST_SHARE = 1 / 8
"""The least part of its bits' range that a page has to fill: less would be shown as one grey."""

_TRANSPOSED_ORIENTATIONS = (5, 6, 7, 8)
_UPRIGHT = ("TIFF", "WEBP")
"""Formats whose orientation is not applied here: Pillow turns a TIFF itself, Chromium shows a WebP as it is stored."""

ReadPage = Callable[[Path, int, FrameSize], RgbFrame]
"""Decodes a page, [H, W, 3] uint8 RGB, given its frame index and the size that it must have."""


class PagesVideo(FrameByFrame):
    """A VideoSource over image files: one frame per page, one second per frame. Use as a context manager."""

    def __init__(self, paths: Mapping[int, Path], info: VideoInfo, read: ReadPage | None = None) -> None:
        """paths: by frame index; only these frames can be read. read: decodes one; None: in this process."""
        super().__init__(info)
        self._read = read or read_page
        self._paths = dict(paths)

    def frame(self, index: FrameIndex) -> RgbFrame:
        """One page, [H, W, 3] uint8 RGB. Raises PromptError past the end, MediaError if it does not decode."""
        path = self._paths.get(self._info.require_frame(index))
        if path is None:
            raise MediaError(f"page {index + 1} was not among the pages that were opened")
        return self._read(path, index, self._info.size)

    def frames(self, frame_range: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        """The range's pages in order, or in descending order. Raises PromptError past the end, MediaError."""
        self._info.require_frame(frame_range.stop - 1)
        return super().frames(frame_range, backward=backward)


def open_pages(paths: Sequence[Path], content_hash: ContentHash) -> PagesVideo:
    """Open a task's pages in order; reads the headers only.

    Raises MediaError naming the page that is not an image or has another size than the first.
    """
    return open_some_pages(dict(enumerate(paths)), content_hash, page_count=len(paths))


def open_some_pages(
    paths: Mapping[int, Path], content_hash: ContentHash, *, page_count: int, read: ReadPage | None = None
) -> PagesVideo:
    """Open some of a task's pages, by frame index, as a video of page_count frames; reads the headers only.

    read: decodes a page; None: in this process.
    Raises MediaError naming the page that is not an image or has another size than the first of them.
    """
    if not paths:
        raise MediaError("the task has no pages")
    sizes = {index: _page_size(path, index) for index, path in sorted(paths.items())}
    first, expected = next(iter(sizes.items()))
    for index, size in sizes.items():
        if size != expected:
            raise MediaError(
                f"page {index + 1} is {size.width}x{size.height} pixels but page {first + 1} is "
                f"{expected.width}x{expected.height}: all pages of a task must have one size"
            )
    info = VideoInfo(content_hash=content_hash, size=expected, frame_count=page_count, frame_rate=Fraction(1))
    return PagesVideo(paths, info, read)


def _page_size(path: Path, index: int) -> FrameSize:
    with damage_named(f"page {index + 1}"), _open_image(path, index) as image:
        width, height = image.size
        require_sane_size(f"page {index + 1}", width, height)
        if path.is_file() and getattr(image, "is_animated", False):
            logger.warning("page %d has several frames or pages; the first is read", index + 1)
        transposed = _orientation(image) in _TRANSPOSED_ORIENTATIONS
        return FrameSize(height, width) if transposed else FrameSize(width, height)


def read_page(path: Path, index: int, size: FrameSize) -> RgbFrame:
    """One page [H, W, 3] uint8 RGB of this size. Raises MediaError."""
    try:
        with damage_named(f"page {index + 1}"), _open_image(path, index) as image:
            upright = image if _orientation(image) == 1 else ImageOps.exif_transpose(image)
            pixels = np.array(_as_rgb(upright), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise MediaError(f"page {index + 1} does not decode: {error}") from error
    if pixels.shape != (size.height, size.width, 3):
        raise MediaError(f"page {index + 1} changed its size while it was in use")
    return pixels


def page_names(path: Path) -> list[str]:
    """The names of an image's pages: its own name, or NAME#0, NAME#1, … of a file with several.

    The pages of a TIFF are those of its first one's size: others are thumbnails. The frames of an animated GIF, WebP,
    AVIF or PNG are pages too. Raises MediaError for a damaged file.
    """
    if not path.suffix.lower().startswith(MAY_HAVE_SEVERAL):
        return [path.name]
    with damage_named(path.name), _open_image(path, 0) as image:
        count, size = getattr(image, "n_frames", 1), image.size
        # Browsers do not show the picture of an animated PNG that is for programs which do not know animations.
        numbers = list(range(1 if image.info.get("default_image") else 0, count))
        if image.format == "TIFF":
            numbers = [number for number in numbers if _size_of(image, number) == size]
    return [path.name] if numbers == [0] else [f"{path.name}{PAGE_MARK}{number}" for number in numbers]


def _size_of(image: Image.Image, number: int) -> tuple[int, int]:
    image.seek(number)
    return image.size


def file_of(path: Path) -> tuple[Path, int]:
    """The file of a page that `page_names` named, and the page's number in it."""
    name, mark, number = path.name.rpartition(PAGE_MARK)
    return (path.with_name(name), int(number)) if mark and number.isdecimal() else (path, 0)


def _open_image(path: Path, index: int) -> Image.Image:
    file, number = (path, 0) if path.is_file() else file_of(path)
    image = _open_file(file, index)
    if number:
        image.seek(number)
    return image


def _open_file(path: Path, index: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow's size limit does not apply; require_sane_size has its own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise MediaError(f"page {index + 1} has too many pixels, by its header") from error
    except UnidentifiedImageError as error:
        raise MediaError(
            f"page {index + 1} is not an image that Masklet reads ({', '.join(_FORMATS)}); save it as JPEG or PNG"
        ) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise MediaError(f"page {index + 1} cannot be read: {error}") from error


def _orientation(image: Image.Image) -> int:
    """EXIF orientation to apply, 1 (none) to 8, from the header alone."""
    if image.format in _UPRIGHT or (image.format == "PNG" and "exif" not in image.info):
        # Pillow would decode the whole PNG for EXIF data after the pixels, which browsers ignore.
        return 1
    return int(image.getexif().get(_EXIF_ORIENTATION, 1))


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        # Pillow's own conversion clips instead of scaling.
        return Image.fromarray(stretched(np.asarray(image, dtype=np.float64))).convert("RGB")
    return image.convert("RGB")


def stretched(grey: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Grey values of more than 8 bits, [H, W], as 0 to 255.

    Whole numbers are scaled by the least of 8, 10, 12, 14 and 16 bits that holds the page's largest value: pages of one
    camera are scaled alike. Others (fractions, negative or larger numbers), and those that fill less than an eighth of
    these bits, are scaled from the page's least to largest.
    """
    finite = np.where(np.isfinite(grey), grey, 0.0)
    low, high = float(finite.min()), float(finite.max())
    is_whole = low >= 0 and high < 2**16 and np.array_equal(finite, np.floor(finite))
    bits = next((bits for bits in GREY_BITS if is_whole and high < 2**bits), 0)
    is_flat = bits > GREY_BITS[0] and 0 < high - low < 2**bits * LEAST_SHARE
    by_bits = bits > 0 and not is_flat
    scaled = finite / 2 ** (bits - 8) if by_bits else (finite - low) * (255.0 / ((high - low) or 1.0))
    shown: NDArray[np.uint8] = scaled.astype(np.uint8)
    return shown
