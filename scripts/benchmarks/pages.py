"""Measures the real Label Studio page: time to open, turn and submit a task of many pages with masks.

    ./scripts/bench pages [--pages N] [--segment N] [--objects N] [--width PX] [--height PX] [--template DIR]
                          [--json FILE]

Makes masks for every page and object, measures the size of their JSON and the time to write and read it, adds them to
a separate Label Studio as a prediction, and drives its page in Chromium. The same run also opens the task without masks
and a task of the first --segment pages (`masklet import` splits long videos into segments). While the page opens, only
its number of regions is read; the regions are not serialized. --template: the folder of a Label Studio that was started
before, which saves the first start.
"""

from __future__ import annotations

import argparse
import json
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

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.context import prompts_of_annotation
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.codecs.coco_rle import encode_mask
from backend.domain.geometry import BoolMask, FrameSize
from backend.domain.masklets import FrameEvidence, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo
from scripts.browser import FLAGS, chromium_path
from scripts.demonstration.clip import LABELS
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

CONFIG = Path(__file__).parents[2] / "label_config" / "frames.xml"
VERSION = "bench-pages"
Result = TypeVar("Result")
TURNS = 12
READY = "(count) => window.Htx?.annotationStore?.selected?.regions.length >= count"
PAGE_SHOWN = "() => !!window.Htx.annotationStore.selected.names.get('frames').stageRef"
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
WRITE = "(options) => window.Htx.annotationStore.selected.serializeAnnotation(options).length"
POLL_MS = 100
TURN = "(page) => window.Htx.annotationStore.selected.names.get('frames').setCurrentImage(page)"
HEAP = "() => Math.round(performance.memory.usedJSHeapSize / 2 ** 20)"


class Opened(TypedDict):
    """draft_s, submit_s: seconds of the page's serialization before it saves a draft, or submits.

    *_cpu_s: CPU seconds of the page's main thread, which other work on the machine changes little.
    """

    pages: int
    masks: int
    open_s: float
    open_cpu_s: float
    turn_median_s: float
    turn_slowest_s: float
    turn_mean_cpu_s: float
    draft_s: float
    submit_s: float
    submit_cpu_s: float
    heap_mib: int


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Time to open, turn and submit a task of many pages with masks.")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--segment", type=int, default=100)
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
            figures.update(measure_page(server, run, regions, segment=min(options.segment, options.pages)))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def masks_of(pages: int, objects: int, size: FrameSize) -> MaskRun:
    """Moving blobs with ragged edges: masks of average difficulty."""
    evidence = FrameEvidence((0.9,), 4.0, 0.9, 0.9, 0.1, None, None, 1)
    masklets = [
        Masklet(
            ObjectId(label),
            label,
            tuple(
                MaskletFrame(
                    FrameIndex(page), encode_mask(blob(size, page, order)), evidence, MaskOrigin.PROPAGATED, 0.1
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
    """Builds the reply with all masks; measures its size and the time to write it and to read it from a draft."""
    config = CONFIG.read_text()
    build_s, regions = timed(lambda: build_regions(run, label_config=config, task=TaskKey(1, 1)))
    dump_s, body = timed(lambda: json.dumps(regions, separators=(",", ":")))
    read_s, _ = timed(lambda: prompts_of_annotation(regions, read_binding(config), known=KnownMasks(run)))
    figures.update(reply_mib=round(len(body) / 2**20, 2), build_s=build_s, dump_s=dump_s, read_draft_s=read_s)
    return regions


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    started = time.perf_counter()
    result = work()
    return round(time.perf_counter() - started, 3), result


def measure_page(
    server: LabelStudioServer, run: MaskRun, regions: list[dict[str, object]], *, segment: int
) -> dict[str, Opened]:
    """Opens the task without masks, with masks as its prediction, and its first segment."""
    folder = server.files / "bench"
    frames = draw_pages(run, folder)
    first = [region for region in regions if int(str(region["item_index"])) < segment]
    tasks = {
        "without_masks": (frames, []),
        "with_masks": (frames, regions),
        "segment": (frames[:segment], first),
    }
    with LabelStudioApi(server.url, server.login.token) as api, sync_playwright() as playwright:
        project_id = api.ensure_project("Bench", CONFIG.read_text())
        api.ensure_local_files(project_id, folder)
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        figures = {}
        for name, (pages, masks) in tasks.items():
            task = api.add_task(project_id, {"frames": pages, "clip": name})
            if masks:
                api.add_prediction(project_id, task, model_version=VERSION, result=masks)
            # A separate browser context per task: memory of an earlier task must not count.
            tab = chromium.new_context(viewport={"width": 1400, "height": 1100}).new_page()
            log_in(tab, server)
            figures[name] = open_and_turn(tab, api.task_address(project_id, task), len(masks), len(pages))
            tab.context.close()
        chromium.close()
    return figures


def draw_pages(run: MaskRun, folder: Path) -> list[str]:
    """Draws numbered pages; returns their addresses."""
    folder.mkdir()
    for page in range(run.video.frame_count):
        picture = np.full((run.video.size.height, run.video.size.width, 3), 40 + page % 100, np.uint8)
        cv2.putText(picture, f"{page}", (40, 80), cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 255, 255), 3)
        cv2.imwrite(str(folder / f"{page:06d}.jpg"), picture)
    return [f"/data/local-files/?d={folder.name}/{page:06d}.jpg" for page in range(run.video.frame_count)]


def log_in(page: Page, server: LabelStudioServer) -> None:
    page.set_default_timeout(300_000)
    page.goto(f"{server.url}/user/login")
    page.fill("input[name=email]", server.login.username)
    page.fill("input[name=password]", server.login.password)
    with page.expect_navigation():
        page.press("input[name=password]", "Enter")


def open_and_turn(page: Page, address: str, regions: int, pages: int) -> Opened:
    """Opens a task, waits for its masks, turns to pages across the task, and serializes the regions."""
    cpu_s = cpu_clock(page)
    before_s, started = cpu_s(), time.perf_counter()
    page.goto(address)
    page.wait_for_function("() => window.Htx?.annotationStore?.selected?.names?.size > 0", polling=POLL_MS)
    page.wait_for_function(READY, arg=regions, polling=POLL_MS)
    page.wait_for_function(PAGE_SHOWN, polling=POLL_MS)
    page.evaluate(DRAWN)
    open_s, opened_s = time.perf_counter() - started, cpu_s()
    turns = []
    for step in range(1, TURNS + 1):
        started = time.perf_counter()
        page.evaluate(TURN, step * (pages - 1) // TURNS)
        page.wait_for_function(PAGE_SHOWN, polling=POLL_MS)
        page.evaluate(DRAWN)
        turns.append(time.perf_counter() - started)
    turned_s, heap_mib = cpu_s(), int(page.evaluate(HEAP))
    draft_s, _ = timed(lambda: page.evaluate(WRITE, {"fast": True}))
    drafted_s = cpu_s()
    submit_s, _ = timed(lambda: page.evaluate(WRITE, {}))
    return {
        "pages": pages,
        "masks": regions,
        "open_s": round(open_s, 2),
        "open_cpu_s": round(opened_s - before_s, 2),
        "turn_median_s": round(statistics.median(turns), 2),
        "turn_slowest_s": round(max(turns), 2),
        "turn_mean_cpu_s": round((turned_s - opened_s) / TURNS, 2),
        "draft_s": round(draft_s, 2),
        "submit_s": round(submit_s, 2),
        "submit_cpu_s": round(cpu_s() - drafted_s, 2),
        "heap_mib": heap_mib,
    }


def cpu_clock(page: Page) -> Callable[[], float]:
    """A function that returns the CPU seconds of the page's main thread."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    return read


if __name__ == "__main__":
    raise SystemExit(main())
