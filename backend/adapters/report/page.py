"""One self-contained HTML page: a curve per object, the human frames, the chosen frames and their thumbnails.

The page loads nothing and runs no script: it can be mailed, archived and opened without a network.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

from backend.adapters.report.document import document
from backend.adapters.report.thumbnails import COLOURS
from backend.application.ports.progress import counted
from backend.application.review.next_frames import NextFrame, ReviewFrame, ReviewVideo
from backend.codecs.score_marks import score_color, score_text
from backend.domain.prompts import ObjectId

WIDTH, HEIGHT, LEFT, FOOT = 960, 120, 34, 18
MOST_POINTS = 2000
"""The most points of a curve. A longer curve shows the most uncertain frame of each range."""


def report_page(
    video: ReviewVideo,
    chosen: Sequence[NextFrame],
    *,
    labels: Mapping[ObjectId, str],
    picture: Callable[[int], str],
    audits: str = "",
    verdicts: str = "",
) -> str:
    """The page's HTML.

    picture: the data URL of a frame with its masks; empty without frame and masks. audits: a sentence on the audits of
    the model; empty without audits. verdicts: HTML of the verdicts on the video's masks.
    """
    word = "uncertainty" if video.is_probability else "uncertainty (rank)"
    meaning = (
        "The probability that the mask's IoU with the truth is below 0.75."
        if video.is_probability
        else "The model has no calibrator: a rank, good for comparing frames, not a probability."
    )
    chosen_frames = {int(frame.choice.frame_index) for frame in chosen}
    curves = "".join(
        _object(labels.get(object_id, str(object_id)), frames, video, chosen_frames, number)
        for number, (object_id, frames) in enumerate(video.objects.items())
    )
    figures = "".join(_figure(frame, labels, picture) for frame in counted(chosen, "pictures"))
    audited = f'<p class="note">Audits: {html.escape(audits)}.</p>' if audits else ""
    return document(
        video.name,
        f"<p>{video.frame_count} frames, {len(video.objects)} objects, model {html.escape(video.model_version)}.</p>"
        f'{verdicts}<p class="note">{word}: {meaning} High: look here. '
        f"▼ a person's frame · orange line: chosen to look at next. "
        f"On red to green: the score, 1 − uncertainty, as in Label Studio and in films.</p>{audited}{curves}"
        f'<h2>Look at next</h2><div class="frames">{figures or "Nothing is left to look at."}</div>',
    )


def _object(label: str, frames: Sequence[ReviewFrame], video: ReviewVideo, chosen: set[int], number: int) -> str:
    """One object's curve as inline SVG."""
    colour = "#{:02x}{:02x}{:02x}".format(*COLOURS[number % len(COLOURS)])
    points = " ".join(f"{_x(frame.frame_index, video):.1f},{_y(frame.uncertainty):.1f}" for frame in _thinned(frames))
    lines = "".join(
        f'<line x1="{_x(index, video):.1f}" x2="{_x(index, video):.1f}" y1="0" y2="{HEIGHT}" stroke="#f08c00"/>'
        for index in sorted(chosen)
    )
    human_frames = "".join(
        f'<path d="M{_x(frame.frame_index, video):.1f} {HEIGHT} l-4 -7 h8 z" fill="#222"><title>frame '
        f"{frame.frame_index}, {frame.origin.value}</title></path>"
        for frame in frames
        if frame.origin.is_by_person
    )
    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{_y(level)}" y2="{_y(level)}" stroke="#ddd"/>'
        f'<text x="0" y="{_y(level) + 4}" font-size="11" fill="#666">{level:g}</text>'
        for level in (0.0, 0.5, 1.0)
    )
    return (
        f'<h2><i class="key" style="background:{colour}"></i>{html.escape(label)}</h2>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + FOOT}" role="img" '
        f'aria-label="{html.escape(label)}: uncertainty by frame">'
        f'{grid}{lines}<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>{human_frames}'
        f'<text x="{LEFT}" y="{HEIGHT + 14}" font-size="11" fill="#666">0</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 14}" font-size="11" fill="#666" text-anchor="end">'
        f"{video.frame_count - 1}</text>"
        "</svg>"
    )


def _figure(frame: NextFrame, labels: Mapping[ObjectId, str], picture: Callable[[int], str]) -> str:
    index = int(frame.choice.frame_index)
    address = picture(index)
    image = f'<img src="{address}" alt="frame {index}">' if address else ""
    label = html.escape(labels.get(frame.object_id, str(frame.object_id)))
    mark = f'<b class="score" style="background:{score_color(frame.uncertainty)}">{score_text(frame.uncertainty)}</b>'
    return (
        f"<figure>{image}<figcaption><b>frame {index}</b> {mark} {label}<br>"
        f"<small>uncertainty {frame.uncertainty:.2f}, {frame.choice.reason.value}, gain {frame.choice.gain:.2f}</small>"
        "</figcaption></figure>"
    )


def _x(frame_index: int, video: ReviewVideo) -> float:
    return LEFT + (WIDTH - LEFT) * frame_index / max(video.frame_count - 1, 1)


def _y(uncertainty: float) -> float:
    return 4 + (HEIGHT - 8) * (1.0 - uncertainty)


def _thinned(frames: Sequence[ReviewFrame]) -> list[ReviewFrame]:
    step = -(-len(frames) // MOST_POINTS)
    ranges = (frames[start : start + step] for start in range(0, len(frames), step)) if step else ()
    return [max(frame_range, key=lambda frame: frame.uncertainty) for frame_range in ranges]
