"""Frames as pages in the real Label Studio: how long a task of many pages with masks takes to open and to page.

    ./scripts/bench pages [--pages N] [--objects N] [--width PX] [--height PX] [--template DIR] [--json FILE]

Makes masks for every page and object, says how large their JSON is and how long it takes to write and to read it,
gives it to a Label Studio of its own as a prediction, and drives its page in Chromium. For comparison the same task is
opened without masks. --template names a folder that a Label Studio was started in before: it saves the first start.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypedDict, TypeVar

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from backend.adapters.labelstudio.binding import read_binding
from backend.adapters.labelstudio.context import prompts_of_annotation
from backend.adapters.labelstudio.known import Known
from backend.adapters.labelstudio.masks import coco_of_mask
from backend.adapters.labelstudio.results import build_regions
from backend.application.requests import TaskKey
from backend.domain.geometry import BoolMask, FrameSize
from backend.domain.masklets import FrameEvidence, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from scripts.demonstration.clip import LABELS
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

CONFIG = Path(__file__).parents[2] / "label_config" / "frames.xml"
VERSION = "bench-pages"
Result = TypeVar("Result")
TURNS = 12
READY = "(count) => window.Htx?.annotationStore?.selected?.serializeAnnotation().length >= count"
PAGE_SHOWN = "() => !!window.Htx.annotationStore.selected.names.get('frames').stageRef"
TURN = "(page) => window.Htx.annotationStore.selected.names.get('frames').setCurrentImage(page)"
HEAP = "() => Math.round(performance.memory.usedJSHeapSize / 2 ** 20)"


class Opened(TypedDict):
    open_s: float
    turn_median_s: float
    turn_slowest_s: float
    heap_mib: int


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="How long many pages with masks take to open and to page.")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--objects", type=int, default=2, choices=range(1, len(LABELS) + 1))
    parser.add_argument("--width", type=int, default=960)
    parser.add_argument("--height", type=int, default=540)
    parser.add_argument("--template", type=Path, help="a folder of a Label Studio that was started before")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args(arguments)
    run = masks_of(options.pages, options.objects, FrameSize(options.width, options.height))
    figures: dict[str, object] = {"pages": options.pages, "masks": options.pages * options.objects}
    regions = measure_reply(run, figures)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "label-studio"
        if options.template:
            shutil.copytree(options.template, folder)
        with LabelStudioServer(folder, port=18980) as server:
            figures["without_masks"], figures["with_masks"] = measure_page(server, run, regions)
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def masks_of(pages: int, objects: int, size: FrameSize) -> MaskRun:
    """Ragged blobs that wander: neither the easiest masks nor the hardest."""
    evidence = FrameEvidence((0.9,), 4.0, 0.9, 0.9, 0.1, None, None, 1)
    masklets = [
        Masklet(
            ObjectId(label),
            label,
            tuple(
                MaskletFrame(
                    FrameIndex(page), coco_of_mask(blob(size, page, order)), evidence, MaskOrigin.PROPAGATED, 0.1
                )
                for page in range(pages)
            ),
        )
        for order, label in enumerate(LABELS[:objects])
    ]
    info = VideoInfo(ContentHash("0" * 64), size, pages, Fraction(24))
    return MaskRun(info, tuple(masklets))


def blob(size: FrameSize, page: int, order: int) -> BoolMask:
    rows, columns = np.mgrid[: size.height, : size.width]
    x = size.width * (0.3 + 0.4 * order) + 60 * np.sin(page / 20 + order)
    y = size.height * 0.5 + 60 * np.cos(page / 17)
    angle = np.arctan2(rows - y, columns - x)
    radius = size.height * (0.2 + 0.03 * np.sin(7 * angle + page / 5) + 0.01 * np.sin(31 * angle))
    mask: BoolMask = np.hypot(rows - y, columns - x) < radius
    return mask


def measure_reply(run: MaskRun, figures: dict[str, object]) -> list[dict[str, object]]:
    """The reply with all masks, and what it costs to write it and to read it back out of a draft."""
    config = CONFIG.read_text()
    build_s, regions = timed(lambda: build_regions(run, label_config=config, task=TaskKey(1, 1)))
    dump_s, body = timed(lambda: json.dumps(regions, separators=(",", ":")))
    read_s, _ = timed(lambda: prompts_of_annotation(regions, read_binding(config), known=Known(run)))
    figures.update(reply_mib=round(len(body) / 2**20, 2), build_s=build_s, dump_s=dump_s, read_draft_s=read_s)
    return regions


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = work()
    return round(time.perf_counter() - started, 3), result


def measure_page(server: LabelStudioServer, run: MaskRun, regions: list[dict[str, object]]) -> tuple[Opened, Opened]:
    """The task opened without masks, and with them as the prediction that the page starts from."""
    folder = server.files / "bench"
    folder.mkdir()
    for page in range(run.video.frame_count):
        picture = np.full((run.video.size.height, run.video.size.width, 3), 40 + page % 100, np.uint8)
        for masklet in run.masklets:
            cv2.putText(picture, f"{masklet.label} {page}", (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 255, 255), 3)
        cv2.imwrite(str(folder / f"{page:06d}.jpg"), picture)
    frames = [f"/data/local-files/?d=bench/{page:06d}.jpg" for page in range(run.video.frame_count)]
    with LabelStudioApi(server.url, server.login.token) as api, sync_playwright() as playwright:
        project_id = api.ensure_project("Bench", CONFIG.read_text())
        api.ensure_local_files(project_id, folder)
        bare, masked = (api.add_task(project_id, {"frames": frames, "clip": name}) for name in ("bare", "masked"))
        api.add_prediction(project_id, masked, model_version=VERSION, result=regions)
        chromium = playwright.chromium.launch(
            executable_path=os.environ.get("MASKLET_CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        )
        tab = chromium.new_page(viewport={"width": 1400, "height": 1100})
        log_in(tab, server)
        addresses = [(api.task_address(project_id, task), count) for task, count in ((bare, 0), (masked, len(regions)))]
        opened = [open_and_turn(tab, address, count, run.video.frame_count) for address, count in addresses]
        chromium.close()
    return opened[0], opened[1]


def log_in(page: Page, server: LabelStudioServer) -> None:
    page.set_default_timeout(300_000)
    page.goto(f"{server.url}/user/login")
    page.fill("input[name=email]", server.login.username)
    page.fill("input[name=password]", server.login.password)
    with page.expect_navigation():
        page.press("input[name=password]", "Enter")


def open_and_turn(page: Page, address: str, regions: int, pages: int) -> Opened:
    """Open a task, wait until its masks are there, and go to pages all over it."""
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_function("() => window.Htx?.annotationStore?.selected?.names?.size > 0")
    page.wait_for_function(READY, arg=regions)
    page.wait_for_function(PAGE_SHOWN)
    open_s = time.perf_counter() - started
    turns = []
    for step in range(1, TURNS + 1):
        started = time.perf_counter()
        page.evaluate(TURN, step * (pages - 1) // TURNS)
        page.wait_for_function(PAGE_SHOWN)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        turns.append(time.perf_counter() - started)
    return {
        "open_s": round(open_s, 2),
        "turn_median_s": round(statistics.median(turns), 2),
        "turn_slowest_s": round(max(turns), 2),
        "heap_mib": int(page.evaluate(HEAP)),
    }


if __name__ == "__main__":
    raise SystemExit(main())
