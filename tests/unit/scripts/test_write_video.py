"""A written clip is H.264, yuv420p, frame for frame."""

from pathlib import Path

import av
import numpy as np

from backend.domain.video import FrameIndex, FrameRange
from backend.evaluation.synthetic.clips import render_clip
from backend.evaluation.synthetic.source import ClipSource
from scripts.demonstration.write_video import write_video


def test_a_clip_comes_back_frame_for_frame(tmp_path: Path) -> None:
    clip = render_clip(2, frames=16, size=(96, 128))
    path = write_video(clip.frames, tmp_path / "clip.mp4", frame_rate=24)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == 24
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 16
    difference = np.abs(np.stack(decoded).astype(int) - clip.frames)
    assert difference.mean() < 8


def test_a_clip_in_memory_is_a_video_source() -> None:
    clip = render_clip(2, frames=16, size=(96, 128))
    with ClipSource(clip.frames) as source:
        assert (source.info.size.width, source.info.size.height, source.info.frame_count) == (128, 96, 16)
        frame_range = FrameRange(FrameIndex(3), FrameIndex(6))
        assert [index for index, _ in source.frames(frame_range)] == [3, 4, 5]
        assert [index for index, _ in source.frames(frame_range, backward=True)] == [5, 4, 3]
        assert np.array_equal(source.frame(FrameIndex(7)), clip.frames[7])
        assert source.timestamps_s[12] == 0.5
