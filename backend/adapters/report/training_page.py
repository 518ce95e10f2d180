"""A training as one HTML page: what it gave, its curves, pictures before and after, and the labels it learned from.

The page loads nothing and runs no script, as the reports of masks do.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.adapters.report.document import document
from backend.adapters.report.thumbnails import data_url
from backend.domain.training import HeldOutFigures, TrainingResult
from backend.domain.training.rows import Training, UsedVideo

WIDTH, HEIGHT, LEFT, FOOT = 960, 160, 44, 18
MOST_ROWS = 1000
MOST_DOTS = 400
HEADS = ("task", "video", "frames", "objects", "annotated by", "approved by")
LOSS, HELD_OUT = "#1c7ed6", "#2b8a3e"

_FIGURES: tuple[tuple[str, Callable[[HeldOutFigures], float], int], ...] = (
    ("J&F on held-out videos", lambda figures: figures.j_and_f, 3),
    ("J on held-out videos", lambda figures: figures.j, 3),
    ("clicks until IoU 0.85", lambda figures: figures.clicks, 2),
    ("calibration error of the uncertainty", lambda figures: figures.calibration_error, 3),
    ("J on the general set (forgetting)", lambda figures: figures.general_j, 3),
)


def training_page(training: Training, result: TrainingResult, pictures: Sequence[tuple[Path, Path]]) -> str:
    """The page's HTML. pictures: JPEG files, before and after."""
    body = (
        _verdict(training, result),
        _figures(result),
        _curves(result),
        _pictures(pictures),
        _labels(training, result),
        _plan(training),
    )
    return document(f"Training {training.name} of project {training.request.project_id}", "".join(body))


def _verdict(training: Training, result: TrainingResult) -> str:
    offered = (
        f"Checkpoint <b>{html.escape(result.checkpoint)}</b> is offered."
        if result.checkpoint
        else ("No checkpoint is offered: only one that is better beyond doubt is.")
    )
    return (
        f"<p><b>{'Better' if result.better else 'Not better beyond doubt'}.</b> {html.escape(result.reason)} {offered}"
        f"</p><p>Gain in J&amp;F: <b>{result.gain:+.3f}</b>, 95 % interval {result.gain_low:+.3f} to "
        f"{result.gain_high:+.3f}, over the objects of {_counted(result.held_out_videos, 'held-out video')}. Parent: "
        f"{html.escape(training.base)}.</p>"
    )


def _figures(result: TrainingResult) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{_number(of(result.before), digits)}</td>"
        f"<td>{_number(of(result.after), digits)}</td></tr>"
        for name, of, digits in _FIGURES
    )
    return f"<h2>Figures</h2><table><tr><th>figure</th><th>before</th><th>after</th></tr>{rows}</table>"


def _curves(result: TrainingResult) -> str:
    losses = [(minute, loss) for minute, loss, _ in result.curve if math.isfinite(loss)]
    held_out = [(minute, figure) for minute, _, figure in result.curve if math.isfinite(figure)]
    return "".join(
        _curve(name, colour, points)
        for name, colour, points in (("Loss", LOSS, losses), ("J&F on held-out videos", HELD_OUT, held_out))
        if points
    )


def _curve(name: str, colour: str, points: Sequence[tuple[float, float]]) -> str:
    """One curve over minutes as inline SVG."""
    minutes, values = [minute for minute, _ in points], [value for _, value in points]
    low, high, last = min(values), max(values), max(minutes)
    step = (high - low) or 1.0

    def place(minute: float, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - 6) * minute / (last or 1.0)
        return f"{x:.1f},{6 + (HEIGHT - 12) * (high - value) / step:.1f}"

    line = " ".join(place(*point) for point in points)
    dots = "".join(
        '<circle cx="{}" cy="{}" r="2.5" fill="{}"/>'.format(*place(*point).split(","), colour)
        for point in points[:MOST_DOTS]
    )
    named = html.escape(name)
    return (
        f"<h2>{named}</h2>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + FOOT}" role="img" aria-label="{named} by minute of training">'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>{dots}'
        f'<text x="0" y="12" font-size="11" fill="#666">{high:.3f}</text>'
        f'<text x="0" y="{HEIGHT}" font-size="11" fill="#666">{low:.3f}</text>'
        f'<text x="{LEFT}" y="{HEIGHT + 14}" font-size="11" fill="#666">0 min</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 14}" font-size="11" fill="#666" text-anchor="end">{last:.1f} min</text></svg>'
    )


def _pictures(pictures: Sequence[tuple[Path, Path]]) -> str:
    if not pictures:
        return ""
    figures = "".join(
        f'<figure><img src="{data_url(path.read_bytes())}" alt="{when} the training, {number}">'
        f"<figcaption>{when}, {number}</figcaption></figure>"
        for number, pair in enumerate(pictures, 1)
        for when, path in zip(("before", "after"), pair, strict=True)
    )
    return f'<h2>Held-out frames before and after</h2><div class="frames">{figures}</div>'


def _labels(training: Training, result: TrainingResult) -> str:
    used = training.labels
    people = ", ".join(map(html.escape, used.people)) or "no known person"
    rows = "".join(map(_video_row, used.videos[:MOST_ROWS]))
    more = f"<p>And {len(used.videos) - MOST_ROWS} more videos.</p>" if len(used.videos) > MOST_ROWS else ""
    gone = "".join(
        f"<li>task {video.task}, {html.escape(video.name)}: {html.escape(video.reason)}</li>"
        for video in used.left_out[:MOST_ROWS]
    )
    heads = "".join(f"<th>{head}</th>" for head in HEADS)
    return (
        f"<h2>Labels</h2><p>{_counted(used.frames, 'frame')} of {_counted(len(used.videos), 'video')} count, by "
        f"{people}. Trained on {_counted(result.frames, 'frame')} with {_counted(result.objects, 'object')} of "
        f"{_counted(result.videos, 'video')}; the other videos were held out.</p>"
        f"<table><tr>{heads}</tr>{rows}</table>{more}{f'<h2>Left out</h2><ul>{gone}</ul>' if gone else ''}"
    )


def _video_row(video: UsedVideo) -> str:
    cells = (
        str(video.task),
        html.escape(video.name),
        str(video.frames),
        str(video.objects),
        html.escape(", ".join(video.annotators)),
        html.escape(", ".join(video.approvers)),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _plan(training: Training) -> str:
    request = training.request
    return (
        f"<h2>Plan</h2><p>{request.minutes:g} minutes on {html.escape(training.base)}, changing: {request.parts}. "
        f"Labels: verdict {html.escape(request.verdicts)}, annotator {html.escape(request.annotator)}. Asked for by "
        f"{html.escape(request.user) or 'a person at the machine'}.</p>"
    )


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def _counted(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"
