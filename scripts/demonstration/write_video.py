"""Writes frames as a video that browsers play."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from backend.evaluation.synthetic.renderer import ByteArray


def write_video(frames: ByteArray, path: Path, *, frame_rate: int = 24) -> Path:
    """Encode frames uint8 [T, H, W, 3] RGB (even sides) as H.264, yuv420p, one frame per tick; returns the path."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=frame_rate, options={"crf": "16", "preset": "medium"})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, frame_rate)
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.time_base = Fraction(1, frame_rate)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
