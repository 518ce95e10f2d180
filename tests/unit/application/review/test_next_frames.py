"""The next frames to review, of one video and of several."""

from __future__ import annotations

import numpy as np

from backend.application.review.next_frames import ReviewFrame, ReviewVideo, all_done, next_frames
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.uncertainty.prioritization import Reason
from backend.domain.video import FrameIndex

CAT, DOG = ObjectId("cat"), ObjectId("dog")


def seen(values: list[float], human: tuple[int, ...] = ()) -> tuple[ReviewFrame, ...]:
    return tuple(
        ReviewFrame(FrameIndex(index), value, MaskOrigin.HUMAN if index in human else MaskOrigin.PROPAGATED)
        for index, value in enumerate(values)
    )


def video(
    objects: dict[ObjectId, tuple[ReviewFrame, ...]], name: str = "a.mp4", task: int | None = None
) -> ReviewVideo:
    key = None if task is None else TaskKey(1, task)
    return ReviewVideo(name, 100, 24.0, "masklet-demo-12345678-u87654321", objects, key)


def test_a_frame_has_the_uncertainty_of_its_worst_object() -> None:
    curve = video({CAT: seen([0.1, 0.2, 0.0], human=(2,)), DOG: seen([0.0, 0.9, 0.0], human=(0, 2))}).curve()
    assert curve.uncertainty.tolist() == [0.1, 0.9, 0.0]
    assert curve.corrected == {2}


def test_the_list_is_sorted_by_priority() -> None:
    rng = np.random.default_rng(0)
    found = next_frames([video({CAT: seen([0.0, 0.0, 0.1]), DOG: seen([0.8, 0.0, 0.0])}, task=7)], 2, rng=rng)
    first, second = (frame.document() for frame in found)
    assert (first["page"], first["object_name"]) == (1, "dog")
    assert (first["task"], first["frame"], first["object"], first["uncertainty"]) == (7, 0, "dog", 0.8)
    assert (first["priority"], second["priority"]) == (1.0, 0.5)
    assert first["is_probability"] is True


def test_several_videos_share_one_list_by_gain() -> None:
    calm, wild = video({CAT: seen([0.1] * 6)}, "calm"), video({CAT: seen([0.9] * 6)}, "wild")
    found = next_frames([calm, wild], 1, rng=np.random.default_rng(0))
    assert [frame.video.name for frame in found] == ["wild"]


def test_a_long_list_over_several_videos_has_audits() -> None:
    videos = [video({CAT: seen([0.4] * 50)}, name) for name in ("one", "two")]
    found = next_frames(videos, 10, rng=np.random.default_rng(0))
    assert [frame.choice.reason.value for frame in found] == ["gain"] * 9 + ["audit"]
    assert len({(frame.video.name, frame.choice.frame_index) for frame in found}) == 10


def test_no_frame_is_listed_if_all_videos_are_certain() -> None:
    assert all_done([video({CAT: seen([0.05, 0.02])})])
    assert not all_done([video({CAT: seen([0.05, 0.02])}), video({CAT: seen([0.6])})])


def test_a_suspected_frame_is_never_an_audit() -> None:
    doubtful = video({CAT: seen([0.6] * 60)}, "doubtful")
    for videos in ([doubtful], [doubtful, doubtful]):
        found = next_frames(videos, 10, rng=np.random.default_rng(0))
        assert len(found) == 10
        assert Reason.AUDIT not in {frame.choice.reason for frame in found}
    certain = video({CAT: seen([0.2] * 60)}, "certain")
    for seed in range(20):
        (audit,) = (
            frame
            for frame in next_frames([doubtful, certain], 10, rng=np.random.default_rng(seed))
            if frame.choice.reason is Reason.AUDIT
        )
        assert audit.video is certain


def test_objects_are_named_by_their_labels() -> None:
    labels = {CAT: "Cat", DOG: "Dog", ObjectId("r3"): "Cat"}
    named = ReviewVideo(
        "a.mp4", 3, 24.0, "m", {object_id: seen([0.1]) for object_id in (*labels, ObjectId("r4"))}, labels=labels
    )
    assert [named.object_name(object_id) for object_id in named.objects] == ["Cat", "Dog", "Cat 2", "r4"]


def test_audits_are_drawn_evenly_over_several_videos() -> None:
    videos = [video({CAT: seen([0.3] * 40, human=(0,))}, "long"), video({CAT: seen([0.4] * 10, human=(0,))}, "short")]
    drawn = {"long": 0, "short": 0}
    for seed in range(200):
        for frame in next_frames(videos, 10, rng=np.random.default_rng(seed)):
            if frame.choice.reason is Reason.AUDIT:
                drawn[frame.video.name] += 1
                assert frame.choice.frame_index != 0
    gains = [frame.video.name for frame in next_frames(videos, 10, rng=np.random.default_rng(0))][:9]
    left = {"long": 39 - gains.count("long"), "short": 9 - gains.count("short")}
    share = left["short"] / sum(left.values())
    assert abs(drawn["short"] / 200 - share) < 0.09  # three standard errors
