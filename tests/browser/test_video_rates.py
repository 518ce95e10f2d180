"""The page's frame numbers in the page itself: the shown picture of each number, and the frame of a drawn box.

Every frame contains its own number as stripes. The test reads them from the page's video element after a seek of the
page's timeline. The clips' times are never on the page's grid of two milliseconds: there a browser may show either of
two pictures.
"""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np
import pytest

from backend.adapters.media.decode import open_video
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.video import ContentHash
from scripts.demonstration.clip import Clip
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.editor import Editor
from tests.fakes.clips import BITS, ClipSpec, write_clip

PATIENCE_S = 60.0
LOADS = 3
"""How often Label Studio's page is loaded for one seek."""

HASH = ContentHash("ab" * 32)
WIDTH, HEIGHT = 128, 96
GAPS_MS = 2 * np.random.default_rng(4).integers(4, 70, 23)
VARIABLE = ClipSpec(
    frame_count=24,
    rate=Fraction(1000),
    # With B-frames Chromium may show a frame of such a file too early.
    b_frames=0,
    times=[0, *(1 + np.cumsum(GAPS_MS)).tolist()],
    width=WIDTH,
    height=HEIGHT,
)
CASES = {
    "variable at 25": (VARIABLE, 25.0),
    "variable at 60": (VARIABLE, 60.0),
    "30 at 25": (ClipSpec(frame_count=30, rate=Fraction(30), width=WIDTH, height=HEIGHT), 25.0),
    "24 at 29.97": (ClipSpec(frame_count=24, rate=Fraction(24), width=WIDTH, height=HEIGHT), 29.97),
    "29.97 at 29.97": (ClipSpec(frame_count=30, rate=Fraction(30000, 1001), width=WIDTH, height=HEIGHT), 29.97),
    "late start at 24": (
        ClipSpec(frame_count=24, rate=Fraction(30), times=list(range(11, 35)), width=WIDTH, height=HEIGHT),
        24.0,
    ),
}

GO_AND_READ = """async ([number, bits, patienceMs, wanted]) => {
  const video = document.querySelector('video');
  if (!video) return 'no video';
  const tag = [...window.Htx.annotationStore.selected.names.values()].find(tag => tag.type === 'video');
  const end = performance.now() + patienceMs;
  const rest = () => new Promise(done => setTimeout(done, 20));
  // Label Studio's page may drop a seek while it loads: it is asked again.
  for (let seeked = false; !seeked && tag.frame !== number && performance.now() < end;) {
    const event = new Promise(done => video.addEventListener('seeked', () => done(true), {once: true}));
    tag.setFrame(number);
    seeked = await Promise.race([event, new Promise(done => setTimeout(() => done(false), 3000))]);
  }
  while ((video.seeking || !video.videoWidth) && performance.now() < end) await rest();
  if (performance.now() >= end) {
    return `frame ${tag.frame} of ${tag.length}, seeking ${video.seeking}, ready ${video.readyState}`;
  }
  // A busy machine paints the picture of a seek some time after its end.
  const paintEnd = Math.min(end, performance.now() + 5000);
  let drawn = 0;
  do {
    await new Promise(done => setTimeout(done, 60));
    // While the page loads it may replace the video: there is no picture then.
    if (!video.videoWidth || !video.isConnected) return `frame ${tag.frame} of ${tag.length}, without a picture`;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const row = context.getImageData(0, canvas.height / 4, canvas.width, 1).data;
    const stripe = canvas.width / bits;
    drawn = 0;
    for (let bit = 0; bit < bits; bit++) {
      if (row[4 * (bit * stripe + stripe / 2) + 1] > 127) drawn |= 1 << bit;
    }
  } while (drawn !== wanted && performance.now() < paintEnd);
  return [drawn, tag.frame, tag.length];
}"""
pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def rates_project(projects: Projects) -> ProjectSetup:
    """Its label config takes the frame rate from the task."""
    return projects("Rates", (CONFIGS / "video.xml").read_text().replace('framerate="24"', 'framerate="$fps"'))


def new_task(project: ProjectSetup, clip: Clip, case: str) -> tuple[TaskKey, FrameClock]:
    """A task of that case's clip, and Masklet's numbers of its frames."""
    spec, framerate = CASES[case]
    path = clip.folder / "rates" / f"{case.replace(' ', '-')}.mp4"
    path.parent.mkdir(exist_ok=True)
    write_clip(path, spec)
    with open_video(path, HASH) as video:
        clock = clock_of(video.info, framerate)
    address = f"/data/local-files/?d=clips/{clip.folder.name}/rates/{path.name}"
    return project.new_task(video=address, fps=framerate), clock


def open_task(editor: Editor, project: ProjectSetup, task: TaskKey) -> None:
    editor.open(project.address(task))
    wait_until_ready(editor)


def wait_until_ready(editor: Editor) -> None:
    editor.wait_for_video()
    editor.page.wait_for_function("() => document.querySelector('video')?.readyState === 4")
    editor.page.wait_for_function(
        "() => [...window.Htx.annotationStore.selected.names.values()].find(tag => tag.type === 'video')?.length > 1"
    )


def go_to(editor: Editor, number: int, clock: FrameClock) -> tuple[int, int, int]:
    """The picture's own number, the page's frame number, and the page's count of frames.

    Waits a while for the picture that the clock has at that number, and returns what is there then.
    A page that drops every seek is loaded anew.
    """
    state = ""
    for _ in range(LOADS):
        wanted = clock.index_of(number)
        found = editor.page.evaluate(GO_AND_READ, [number, BITS, PATIENCE_S * 1000, int(wanted)])
        if not isinstance(found, str):
            drawn, frame, length = map(int, found)
            return drawn, frame, length
        state = found
        editor.open(editor.page.url)
        wait_until_ready(editor)
    pytest.fail(f"Label Studio's page did not go to frame {number}: {state}")


def ends_of(clock: FrameClock, number: int) -> tuple[int, int]:
    """The first and the last number of the frame shown at one."""
    numbers = clock.numbers_of(clock.index_of(number))
    return numbers[0], numbers[-1]


@pytest.mark.parametrize("case", CASES)
def test_the_page_shows_the_frame_of_its_number(
    editor: Editor, rates_project: ProjectSetup, clip: Clip, case: str
) -> None:
    task, clock = new_task(rates_project, clip, case)
    open_task(editor, rates_project, task)
    *_, length = go_to(editor, 2, clock)
    assert abs(length - clock.count) <= (1 if case != "late start at 24" else length)
    numbers = range(1, min(length, clock.count) + 1)
    shown = {number: go_to(editor, number, clock) for number in numbers}
    picture(editor.page, f"rates-{case.replace(' ', '-')}")
    # A player does not seek to before the first frame: there the page has the first frame's number.
    first = math.ceil(int(clock.starts_us[0]) / 1e6 * clock.rate)
    assert {number: frame for number, (_, frame, _) in shown.items()} == {n: max(n, first) for n in numbers}
    assert {number: drawn for number, (drawn, _, _) in shown.items()} == {n: clock.index_of(n) for n in numbers}


def test_a_box_drawn_in_the_page_is_on_the_shown_frame(
    editor: Editor, rates_project: ProjectSetup, clip: Clip, masklet: Masklet
) -> None:
    task, clock = new_task(rates_project, clip, "variable at 25")
    open_task(editor, rates_project, task)
    editor.switch(auto_accept=False)
    number = clock.count // 2
    deadline_s = time.monotonic() + PATIENCE_S
    # The page goes back to the first frame when it shows the switch's change, which may be after the first seek.
    while (shown := go_to(editor, number, clock))[1] != number:
        assert time.monotonic() < deadline_s, f"the page shows frame {shown[1]}, not {number}"
    drawn = shown[0]
    assert drawn != number - 1
    editor.draw_box((20, 60), (60, 90))
    (region,) = editor.regions("videorectangle")
    assert [keyframe["frame"] for keyframe in region["value"]["sequence"]] == [number]
    editor.select_region(region["id"])
    editor.set_label("Object 1")
    picture(editor.page, "rates-box")
    (prompt,) = masklet.prompts(task, editor.user).of_object(ObjectId(region["id"]))
    assert prompt.frame_index == drawn
    (tracked,) = editor.regions("videorectangle")
    numbers = {keyframe["frame"] for keyframe in tracked["value"]["sequence"]}
    shown_at = clock.numbers_of(prompt.frame_index)
    assert {shown_at[0], shown_at[-1]} <= numbers
    assert all(number in ends_of(clock, number) for number in numbers)
