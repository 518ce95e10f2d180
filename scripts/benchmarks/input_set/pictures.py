"""Inputs: pictures as pages, of the formats that cameras, microscopes and web sites write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.benchmarks.input_set.model import FIRST_PAGE, PAGES, Input
from scripts.benchmarks.input_set.painted import painted

NUMBERS = range(FIRST_PAGE, FIRST_PAGE + PAGES)
EXIF_ORIENTATION = 0x0112
Convert = Callable[[Image.Image], Image.Image]


def picture_inputs() -> Iterator[Input]:
    """All of them."""
    for orientation in range(1, 9):
        yield Input(f"JPEG, EXIF orientation {orientation}", _saved(".jpg", orientation=orientation), numbers=NUMBERS)
    for name, suffix, convert, options in (
        ("JPEG, progressive", ".jpg", None, {"progressive": True}),
        ("JPEG, 4:4:4", ".jpg", None, {"subsampling": 0}),
        ("JPEG, grey", ".jpg", _mode("L"), {}),
        ("JPEG, CMYK", ".jpg", _mode("CMYK"), {}),
        ("PNG", ".png", None, {}),
        ("PNG, palette", ".png", _mode("P"), {}),
        ("PNG, grey", ".png", _mode("L"), {}),
        ("PNG, transparent", ".png", _transparent, {}),
        ("PNG, grey, 16 bits", ".png", partial(_deep, bits=16), {}),
        ("PNG, grey, 12 of 16 bits", ".png", partial(_deep, bits=12), {}),
        ("WebP", ".webp", None, {"quality": 90}),
        ("WebP, lossless", ".webp", None, {"lossless": True}),
        ("BMP", ".bmp", None, {}),
        ("GIF", ".gif", _mode("P"), {}),
        ("AVIF", ".avif", None, {}),
        ("TIFF", ".tif", None, {}),
        ("TIFF, CMYK", ".tif", _mode("CMYK"), {}),
        ("TIFF, grey, 16 bits", ".tif", partial(_deep, bits=16), {}),
        ("TIFF, grey, 12 of 16 bits", ".tif", partial(_deep, bits=12), {}),
    ):
        yield Input(name, _saved(suffix, convert=convert, options=options), numbers=NUMBERS)
    for orientation in (3, 6):
        for name, suffix in (("PNG, EXIF", ".png"), ("WebP, EXIF", ".webp"), ("AVIF,", ".avif"), ("TIFF,", ".tif")):
            yield Input(f"{name} orientation {orientation}", _saved(suffix, orientation=orientation), numbers=NUMBERS)
    yield Input("TIFF of three pages", _pages_of_one_tiff, numbers=NUMBERS)
    yield Input("pictures with odd sides", _saved(".png", size=(125, 93)), numbers=NUMBERS)
    yield Input("PNG, colours of 16 bits", _deep_colours, numbers=NUMBERS)
    yield Input("PNG, animated", _animated(".png"))
    yield Input("GIF, animated", _animated(".gif"))


def _saved(
    suffix: str,
    *,
    convert: Convert | None = None,
    options: Mapping[str, object] | None = None,
    orientation: int = 0,
    size: tuple[int, int] = (128, 96),
) -> Callable[[Path], object]:
    def write(folder: Path) -> object:
        for page in range(PAGES):
            image = Image.fromarray(painted(FIRST_PAGE + page, width=size[0], height=size[1]))
            more = dict(options or {})
            if orientation:
                exif = Image.Exif()
                exif[EXIF_ORIENTATION] = orientation
                more["exif"] = exif
            (image if convert is None else convert(image)).save(folder / f"{page}{suffix}", **more)  # type: ignore[arg-type]
        return folder

    return write


def _mode(mode: str) -> Convert:
    return lambda image: image.convert(mode)


def _transparent(image: Image.Image) -> Image.Image:
    with_alpha = image.convert("RGBA")
    with_alpha.putalpha(Image.fromarray(np.full((image.height, image.width), 250, np.uint8)))
    return with_alpha


def _deep(image: Image.Image, *, bits: int) -> Image.Image:
    grey = np.asarray(image.convert("L")).astype(np.uint16)
    return Image.fromarray(grey << (bits - 8))


def _pages_of_one_tiff(folder: Path) -> object:
    pages = [Image.fromarray(painted(FIRST_PAGE + page)) for page in range(PAGES)]
    pages[0].save(folder / "stack.tif", save_all=True, append_images=pages[1:])
    return folder


def _deep_colours(folder: Path) -> object:
    import cv2

    for page in range(PAGES):
        cv2.imwrite(str(folder / f"{page}.png"), painted(FIRST_PAGE + page).astype(np.uint16) * 257)
    return folder


def _animated(suffix: str) -> Callable[[Path], object]:
    """Each page has a second picture, which a browser shows after a minute."""

    def write(folder: Path) -> object:
        for page in range(PAGES):
            first, second = (Image.fromarray(painted(FIRST_PAGE + page + later)) for later in (0, 40))
            first.save(folder / f"{page}{suffix}", save_all=True, append_images=[second], duration=60_000)
        return folder

    return write
