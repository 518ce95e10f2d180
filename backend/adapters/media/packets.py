"""The packets and decoded frames of a video file from its position to its end, past damage in the middle."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from backend.application.ports.progress import work_moved


class PacketReader:
    """Reads a stream's packets once. is_cut: whether the file ends in the middle of a packet, or with an error."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container = container
        self._stream = stream
        self.is_cut = False

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """The packets in the order of decoding, without empty ones. Reads on after an error, unless another follows."""
        goes_on = True
        while goes_on:
            goes_on = False
            try:
                for packet in self._container.demux(self._stream):
                    work_moved()
                    if packet.size:
                        goes_on, self.is_cut = True, packet.is_corrupt
                        yield packet
                return
            except av.FFmpegError:
                self.is_cut = True


def decoded_frames(container: InputContainer, stream: VideoStream, *, by_dts: bool = False) -> Iterator[VideoFrame]:
    """Frames from the first key frame after the container's position to its end, in presentation order.

    by_dts: the frames' pts are the decoding times of their packets, for containers that have no others.
    Skips frames that do not decode, and those that the decoder only guessed because of damaged or missing bytes.
    """
    has_key = False
    for packet in PacketReader(container, stream).packets():
        has_key = has_key or packet.is_keyframe
        if not has_key or is_cut_short(container, packet):
            continue
        if by_dts:
            packet.pts = packet.dts
        yield from _decoded(stream, packet)
    yield from _decoded(stream, None)


def is_cut_short(container: InputContainer, packet: Packet[VideoStream]) -> bool:
    """Whether a packet lacks bytes. MPEG-TS marks any gap in its count, also where recordings were joined."""
    return packet.is_corrupt and container.format.name != "mpegts"


def _decoded(stream: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
    work_moved()
    try:
        frames = stream.codec_context.decode(packet)
    except av.FFmpegError:
        return []
    return [frame for frame in frames if not frame.is_corrupt]
