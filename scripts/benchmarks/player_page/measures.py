"""Measurements of one player tab: clicks, hovers, seeks, playing, opening, memory, and the lag of a propagation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from scripts.benchmarks.player_page.tab import PROPAGATION_MS, STATE, Json, NotHappened, PlayerTab
from scripts.benchmarks.player_page.videos import OBJECTS, RADIUS, SIZE, center

REST_S = 1.0
"""A person looks at a frame for as long before a click; the frame is encoded meanwhile."""

AIM_S = 0.25
"""Between the mouse's stop and the click."""

LONGEST_MS = 60_000.0
HOVER_MS = 10_000.0
HOVER_PAUSE_S = 0.3
LAG_POLL_S = 0.1
LABEL_PX, HEAD_PX = 84, 14
"""The timeline's margins: names to the left of the lanes, a row above."""

PLAYED = """() => {
  const { paints } = window.masklet_probe;
  const shown = paints.filter((paint, index) => paint.complete && paint.frame !== paints[index - 1]?.frame);
  const { dropped } = window.masklet.playback;
  const masked = shown.filter((paint) => paint.masks).length;
  return { frames: shown.length, ms: shown.at(-1).at - shown[0].at, dropped, masked };
}"""


def spot(disc: int, frame: int, step: int = 0) -> tuple[float, float]:
    """A point inside a disc in relative coordinates; another one for each step."""
    x, y = center(disc, frame)
    away = RADIUS // 2 if step else 0
    return (x + away * (step % 3 - 1)) / SIZE.width, (y + away * (step // 3 % 3 - 1)) / SIZE.height


def clicks(tab: PlayerTab, frames: Sequence[int]) -> list[float]:
    """Milliseconds from the release of the mouse button until the mask is painted, a click on each frame.

    The objects take turns.
    """
    spent = []
    for number, frame in enumerate(frames):
        tab.show(frame)
        tab.choose(OBJECTS[number % len(OBJECTS)])
        time.sleep(REST_S)
        tab.move(*spot(number % len(OBJECTS), frame))
        time.sleep(AIM_S)
        before = tab.known(frame)
        tab.page.mouse.down()
        tab.page.mouse.up()
        test = "paint.masks && paint.frame === arg[0] && paint.known > arg[1]"
        what = f"no mask was painted after a click on frame {frame}"
        spent.append(tab.painted_after("pointerup", test, what, arg=[frame, before], timeout_ms=LONGEST_MS))
        tab.wait(f"() => {STATE}.busy === 0", "the page went on working after a click")
    return spent


def hovers(tab: PlayerTab, frame: int, count: int) -> list[float]:
    """Milliseconds from the mouse's last move until the mask under it is painted.

    A hover without a mask is left out; a click or another job may take its place. Raises NotHappened if all are.
    """
    tab.show(frame)
    time.sleep(REST_S)
    spent = []
    for number in range(count):
        before = tab.frame.evaluate("() => window.masklet_probe.paints.at(-1)?.hover ?? 0")
        tab.move(*spot(number % len(OBJECTS), frame, 1 + number))
        try:
            test = "paint.hover > arg"
            spent.append(tab.painted_after("pointermove", test, "no hover", arg=before, timeout_ms=HOVER_MS))
        except NotHappened:
            continue
        finally:
            time.sleep(HOVER_PAUSE_S)
    if not spent:
        raise NotHappened(f"no mask under the mouse was painted in {count} moves")
    return spent


def seeks(tab: PlayerTab, frames: Sequence[int]) -> list[float]:
    """Milliseconds from a press on the timeline until the picture and all masks of that frame are painted."""
    box = tab.frame.locator("canvas.timeline").bounding_box()
    assert box is not None, "the timeline is visible"
    count = int(tab.frame.evaluate(f"() => {STATE}.video.frame_count"))
    spent = []
    for frame in frames:
        before = int(tab.frame.evaluate(f"() => {STATE}.frame"))
        x = box["x"] + LABEL_PX + (frame + 0.5) / count * (box["width"] - LABEL_PX)
        tab.page.mouse.move(x, box["y"] + HEAD_PX / 2)
        tab.page.mouse.down()
        tab.page.mouse.up()
        test = "paint.complete && paint.masks && paint.frame !== arg[0] && paint.known >= arg[1]"
        what = f"picture and masks were not painted after a seek to about frame {frame}"
        arg = [before, len(OBJECTS)]
        spent.append(tab.painted_after("pointerdown", test, what, arg=arg, timeout_ms=LONGEST_MS))
        time.sleep(AIM_S)
    return spent


def play(tab: PlayerTab, frames: int) -> Json:
    """Plays from the first frame on: `play_fps`, and `dropped_share` of the frames that were due."""
    tab.show(0, masks=len(OBJECTS))
    time.sleep(REST_S)
    tab.frame.evaluate("() => { window.masklet_probe.paints.length = 0; window.masklet.playback.dropped = 0; }")
    tab.press("Space")
    done = f"(last) => {STATE}.frame >= last || !{STATE}.playing"
    tab.wait(done, "playing did not reach the end", frames - 1)
    time.sleep(AIM_S)
    played = tab.frame.evaluate(PLAYED)
    if not played["masked"]:
        raise NotHappened("no mask was painted while playing")
    shown = int(played["frames"])
    return {
        "play_fps": round((shown - 1) / played["ms"] * 1000, 1),
        "dropped_share": round(played["dropped"] / max(played["dropped"] + shown, 1), 3),
    }


def live_lag(tab: PlayerTab, ledger: SqlLedger) -> list[float]:
    """Propagates to the end from the keyboard; frames that the worker has told the ledger minus frames in the page."""
    tab.press("Shift+F")
    job = str(tab.wait(f"() => {STATE}.job?.id", "no propagation was started"))
    shown = f"""() => {{
      const {{ video, job }} = {STATE};
      const has = (frame) => window.masklet.masks.at(frame).length >= {len(OBJECTS)};
      return [[...Array(video.frame_count).keys()].filter(has).length, job.state];
    }}"""
    lags: list[float] = []
    give_up_s = time.monotonic() + PROPAGATION_MS / 1000
    while True:
        made = ledger.job(job).done
        count, state = tab.frame.evaluate(shown)
        if made:
            lags.append(float(max(made - count, 0)))
        if state not in ("queued", "running"):
            break
        if time.monotonic() > give_up_s:
            raise NotHappened("the propagation did not end")
        time.sleep(LAG_POLL_S)
    if state != "done":
        raise NotHappened(f"the propagation ended as {state}")
    return lags


def memory(browser: Browser) -> Iterator[tuple[str, float]]:
    """MiB of the browser's renderer that worked most: private resident memory, and all resident memory."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    busiest = max((each for each in processes if each["type"] == "renderer"), key=lambda each: each["cpuTime"])
    rollup = Path(f"/proc/{busiest['id']}/smaps_rollup").read_text(encoding="ascii")
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in rollup.splitlines()[1:])}
    yield "private", (kib["Private_Dirty"] + kib.get("Swap", 0)) / 1024
    yield "resident", kib["Rss"] / 1024


def js_heap_mib(tab: PlayerTab) -> float:
    """The tab's JavaScript heap in use, in MiB."""
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 2**20


def spread(count: int, frames: int) -> list[int]:
    """Frames over a whole video in an order that jumps: no two neighbours are near each other."""
    step = max(int(frames * 0.381966), 1)
    return [(index * step + frames // 2) % frames for index in range(count)]
