"""Frame exactness: index i is the i-th frame for every rate, codec, direction and order of reads."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from backend.adapters.media.damaged import damage_named
from backend.adapters.media.decode import FileVideo, open_video
from backend.adapters.media.index import IndexCache, build_index
from backend.domain.errors import MediaError, PromptError
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, cut, number_of, with_damage, write_clip

HASH = ContentHash("ab" * 32)
RATES = (Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60))
GAPS = np.random.default_rng(7).integers(1, 9, 39)
CLIPS = {
    **{f"{float(rate):.3f}fps": ("a.mp4", ClipSpec(rate=rate)) for rate in RATES},
    "deep B-frames": ("a.mp4", ClipSpec(b_frames=5, group=250)),
    "intra only": ("a.mp4", ClipSpec(b_frames=0, group=1)),
    "variable rate": ("a.mp4", ClipSpec(rate=Fraction(90), times=[0, *np.cumsum(GAPS).tolist()])),
    "variable rate, matroska": ("a.mkv", ClipSpec(rate=Fraction(90), times=[0, *np.cumsum(GAPS).tolist()])),
    "matroska": ("a.mkv", ClipSpec(rate=Fraction(30000, 1001))),
    "webm": ("a.webm", ClipSpec(codec="libvpx-vp9")),
    "quicktime, index last": ("a.mov", ClipSpec(faststart=False)),
    "hevc": ("a.mp4", ClipSpec(codec="libx265")),
    "late start": ("a.mp4", ClipSpec(times=list(range(20, 60)))),
}


@pytest.fixture(params=CLIPS, scope="module")
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, spec = CLIPS[request.param]
    return write_clip(tmp_path_factory.mktemp("clip") / name, spec)


def test_every_frame_forward(clip: Path) -> None:
    with open_video(clip, HASH) as video:
        frame_range = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
        assert [(index, number_of(frame)) for index, frame in video.frames(frame_range)] == [(i, i) for i in range(40)]


@pytest.mark.parametrize("held_frames", [3, 1000])
def test_every_frame_backward(clip: Path, held_frames: int) -> None:
    index = build_index(clip)
    with FileVideo(clip, index, HASH, held_bytes=held_frames * 3 * index.width * index.height) as video:
        frames = video.frames(FrameRange(FrameIndex(0), FrameIndex(40)), backward=True)
        assert [(index, number_of(frame)) for index, frame in frames] == [(i, i) for i in range(39, -1, -1)]


def test_every_frame_in_random_order(clip: Path) -> None:
    order = np.random.default_rng(3).permutation(40).tolist()
    with open_video(clip, HASH) as video:
        assert [number_of(video.frame(FrameIndex(i))) for i in order] == order


def test_single_frames_can_be_read_during_a_pass(clip: Path) -> None:
    with open_video(clip, HASH) as video:
        seen = []
        for index, frame in video.frames(FrameRange(FrameIndex(5), FrameIndex(15))):
            seen.append((number_of(frame), number_of(video.frame(FrameIndex(39 - index)))))
        assert seen == [(i, 39 - i) for i in range(5, 15)]


def test_rates_and_times_are_exact(tmp_path: Path) -> None:
    with open_video(write_clip(tmp_path / "a.mp4", ClipSpec(rate=Fraction(30000, 1001))), HASH) as video:
        assert video.info.frame_rate == Fraction(30000, 1001)
        assert not video.info.variable_rate
        assert video.timestamps_s[0] == 0.0
        assert video.timestamps_s[30] == pytest.approx(1.001, abs=1e-9)


def test_times_are_those_of_a_players_clock(tmp_path: Path) -> None:
    """Players keep a late first frame late and shift a file that begins before 0 to 0."""
    with open_video(write_clip(tmp_path / "a.mp4", ClipSpec(times=list(range(20, 60)))), HASH) as late:
        assert late.info.times is not None
        assert late.info.times.starts_us[[0, -1]].tolist() == pytest.approx([666_667, 1_966_667], abs=1000)
        assert late.info.times.end_us == pytest.approx(2_000_000, abs=35_000)
        assert late.timestamps_s[0] == pytest.approx(2 / 3, abs=1e-3)
    index = build_index(write_clip(tmp_path / "b.mp4", ClipSpec(rate=Fraction(25))))
    early = replace(index, pts=index.pts - 100, zero=int(index.pts[0]) - 100)
    assert early.times.starts_us.tolist() == [40_000 * n for n in range(40)]


def test_a_file_that_begins_before_0_begins_at_0(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_clip(path, ClipSpec(rate=Fraction(25), times=list(range(-3, 37)), b_frames=0, frame_count=40))
    index = build_index(path)
    assert index.zero == min(int(index.pts[0]), 0)
    assert index.times.starts_us.tolist() == [40_000 * n for n in range(40)]


def test_the_end_time_is_that_of_the_file(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        with open_video(write_clip(tmp_path / name, ClipSpec(rate=Fraction(25))), HASH) as video:
            assert video.info.times is not None
            assert video.info.times.end_us == pytest.approx(1_600_000, abs=1000)


def test_a_variable_rate_is_detected(tmp_path: Path) -> None:
    name, spec = CLIPS["variable rate"]
    with open_video(write_clip(tmp_path / name, spec), HASH) as video:
        assert video.info.variable_rate
        assert list(video.timestamps_s) == pytest.approx([0.0, *(np.cumsum(GAPS) / 90)])


def test_a_file_that_was_cut_short_keeps_the_frames_that_decode(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", ClipSpec(b_frames=0))
    with open_video(cut(whole, tmp_path / "b.mp4", keep=0.8), HASH) as video:
        count = video.info.frame_count
        assert video.info.truncated
        assert 10 < count < 40
        frame_range = FrameRange(FrameIndex(0), FrameIndex(count))
        assert [number_of(frame) for _, frame in video.frames(frame_range)] == list(range(count))


def test_a_matroska_file_that_was_cut_short(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mkv", ClipSpec(b_frames=0))
    with open_video(cut(whole, tmp_path / "b.mkv", keep=0.7), HASH) as video:
        count = video.info.frame_count
        assert 5 < count < 40
        frame_range = FrameRange(FrameIndex(0), FrameIndex(count))
        assert [number_of(frame) for _, frame in video.frames(frame_range, backward=True)] == list(range(count))[::-1]


def test_frames_past_the_end_are_refused(tmp_path: Path) -> None:
    with open_video(write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=5)), HASH) as video:
        with pytest.raises(PromptError, match=r"frame 5 is not in the video: it has 5 frames \(0 to 4\)"):
            video.frame(FrameIndex(5))
        with pytest.raises(PromptError, match="frame 5 is not in the video"):
            video.frames(FrameRange(FrameIndex(0), FrameIndex(6)))


def test_a_change_of_frame_size_is_an_error_that_names_the_frame(tmp_path: Path) -> None:
    small = write_clip(tmp_path / "s.webm", ClipSpec(codec="libvpx-vp9", frame_count=6, group=3))
    index = build_index(small)
    wider = type(index)(**{name: getattr(index, name) for name in index.__slots__} | {"width": 128})
    with FileVideo(small, wider, HASH) as video, pytest.raises(MediaError, match="changes its frame size at frame 2"):
        video.frame(FrameIndex(2))


def test_a_known_file_is_not_indexed_again(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(rate=Fraction(24000, 1001), frame_count=10))
    indices = IndexCache(tmp_path / "indices")
    with open_video(path, HASH, indices=indices) as first:
        info, times = first.info, first.timestamps_s
    # The file is removed: only the cached index can open.
    path.unlink()
    with open_video(path, HASH, indices=indices) as second:
        assert (second.info, second.timestamps_s) == (info, times)


def test_a_damaged_stored_index_is_made_again(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=10))
    indices = IndexCache(tmp_path)
    (tmp_path / f"{HASH}.npz").write_bytes(b"PK\x03\x04 nonsense")
    with open_video(path, HASH, indices=indices) as video:
        assert video.info.frame_count == 10
    assert indices.load(HASH) is not None


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_video_is_read_or_is_a_media_error(tmp_path: Path, seed: int) -> None:
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(with_damage(write_clip(tmp_path / "clip.mp4", ClipSpec(frame_count=12)).read_bytes(), seed))
    with suppress(MediaError), open_video(damaged, ContentHash("h")) as video:
        for _ in video.frames(FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))):
            pass


def test_a_title_that_is_no_text_does_not_cost_the_video(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", ClipSpec(frame_count=4))
    content = clip.read_bytes()
    assert content.count(b"Lavf") == 1
    clip.write_bytes(content.replace(b"Lavf", b"\xff\xfe\x80\xff"))
    with open_video(clip, ContentHash("h")) as video:
        assert video.info.frame_count == 4


def test_what_a_decoder_raises_names_the_file() -> None:
    sentence = r"clip\.mp4 is damaged and cannot be read \(OverflowError\)"
    with pytest.raises(MediaError, match=sentence), damage_named("clip.mp4"):
        raise OverflowError
    with pytest.raises(PromptError), damage_named("clip.mp4"):
        raise PromptError("past the end")
