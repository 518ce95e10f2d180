"""Several annotations of one video: which objects are the same, the best annotation, the consensus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from backend.application.exports.agreement import agreement, agreements_with_others, groups_of, overlaps_of
from backend.application.exports.combined import CombinedSource
from backend.application.exports.consensus import ConsensusVideo
from backend.application.exports.trusted_consensus import TrustedConsensusVideo
from backend.application.ports.datasets import DatasetEntry, DatasetVideo, ManifestEntry
from backend.domain.crowd.estimates import Estimate
from backend.domain.datasets import AnnotatorChoice
from backend.domain.geometry import BoolMask, Box
from backend.domain.masklets import MaskOrigin
from tests.fakes.annotations import CODEC, FRAMES, Annotation, Square, square, still


def masks_of(video: DatasetVideo) -> list[dict[str, BoolMask]]:
    """The masks by object id, frame by frame."""
    return [
        {str(each.item.object_id): CODEC.decode(each.mask) for each in frame.objects if each.mask is not None}
        for frame in video.frames()
    ]


def test_objects_are_the_same_where_their_masks_overlap_most() -> None:
    first = still(a=(0, 0, 4), b=(5, 5, 4))
    second = still(x=(5, 5, 3), y=(1, 0, 4))
    overlaps = overlaps_of([first, second], CODEC)
    groups = groups_of([first, second], overlaps)
    assert groups == [{0: 1, 1: 2}, {0: 2, 1: 1}]
    assert overlaps.iou((0, 1), (1, 2)) == pytest.approx(12 / 20)
    assert agreement(0, 1, groups, overlaps) == pytest.approx((12 / 20 + 9 / 16) / 2)


def test_objects_of_other_labels_or_places_stay_apart() -> None:
    cat = still(a=(0, 0, 4))
    dog = Annotation({("a", "Dog"): [(0, 0, 4)] * FRAMES})
    far = still(a=(6, 6, 4))
    videos = [cat, dog, far]
    overlaps = overlaps_of(videos, CODEC)
    groups = groups_of(videos, overlaps)
    assert groups == [{0: 1}, {1: 1}, {2: 1}]
    assert agreements_with_others(3, groups, overlaps) == [0.0, 0.0, 0.0]


def test_a_group_has_one_object_of_an_annotation() -> None:
    """Two overlapping objects of one person do not become one because somebody drew both as one."""
    apart, joined = still(a=(0, 0, 6), b=(4, 4, 6)), still(x=(0, 0, 6))
    groups = groups_of([apart, joined], overlaps_of([apart, joined], CODEC))
    assert groups == [{0: 1, 1: 1}, {0: 2}]


def test_annotations_without_objects_agree() -> None:
    assert agreement(0, 1, [], overlaps_of([still(), still()], CODEC)) == 1.0


def test_the_consensus_is_what_more_than_half_say() -> None:
    videos = [still(a=(0, 0, 4)), still(a=(1, 0, 4)), still(a=(2, 0, 4))]
    consensus = ConsensusVideo(videos, CODEC)
    for masks in masks_of(consensus):
        expected = square(1, 0, 4)
        assert (masks["a"] == expected).all()
    (shown,) = next(consensus.frames()).objects
    assert (shown.origin, shown.approved) == (MaskOrigin.CONSENSUS, True)
    assert shown.uncertainty == pytest.approx(1 - (12 / 20 + 1 + 12 / 20) / 3)


def test_of_two_annotations_the_consensus_is_the_pixels_of_both() -> None:
    consensus = ConsensusVideo([still(a=(0, 0, 4)), still(a=(2, 0, 4))], CODEC)
    expected = np.zeros((10, 10), bool)
    expected[0:4, 2:4] = True
    assert (masks_of(consensus)[0]["a"] == expected).all()


def test_an_object_is_absent_where_at_most_half_have_it() -> None:
    comes_late = Annotation({("a", "Cat"): [None, (0, 0, 4)]})
    consensus = ConsensusVideo([still(a=(0, 0, 4)), comes_late, comes_late], CODEC)
    first, second = consensus.frames()
    assert not first.objects[0].is_present
    assert first.objects[0].uncertainty == pytest.approx(1 / 3)
    assert second.objects[0].uncertainty == 0.0


def test_an_object_of_one_person_is_counted_and_left_out() -> None:
    videos = [still(a=(0, 0, 4), b=(6, 6, 3)), still(a=(0, 0, 4)), still(a=(0, 0, 4))]
    consensus = ConsensusVideo(videos, CODEC)
    assert [str(item.object_id) for item in consensus.objects] == ["a"]
    assert consensus.provenance["objects_left_out"] == 1
    assert consensus.provenance["annotations"] == [{"agreement": 0.5}, {"agreement": 0.75}, {"agreement": 0.75}]


def test_one_id_for_different_objects_becomes_two() -> None:
    """Three people name two cats in different orders."""
    left, right = (0, 0, 4), (6, 6, 4)
    one = Annotation({("1", "Cat"): [left] * FRAMES, ("2", "Cat"): [right] * FRAMES})
    other = Annotation({("1", "Cat"): [right] * FRAMES, ("3", "Cat"): [left] * FRAMES})
    only_left = Annotation({("1", "Cat"): [left] * FRAMES})
    objects = ConsensusVideo([one, other, only_left], CODEC).objects
    assert [(item.number, str(item.object_id)) for item in objects] == [(1, "1"), (2, "1 (2)")]


def test_boxes_have_the_median_of_their_sides() -> None:
    boxes = (Box(0, 0, 0.4, 0.4), Box(0.1, 0, 0.5, 0.4), Box(0.5, 0.1, 0.9, 0.5))
    (shown,) = next(ConsensusVideo([still(a=box) for box in boxes[:2]] + [still(a=boxes[1])], CODEC).frames()).objects
    assert (shown.mask, shown.box) == (None, Box(0.1, 0, 0.5, 0.4))
    assert shown.uncertainty == pytest.approx(1 - (12 / 20 + 1 + 1) / 3)


@dataclass
class Annotations:
    """A source with an entry for each annotation, as ProjectSource has with AnnotatorChoice.EACH."""

    videos: Mapping[str, Annotation]
    record: ManifestEntry = field(default_factory=lambda: {"annotator": "each"})

    def entries(self) -> Sequence[DatasetEntry]:
        return [DatasetEntry(key, f"clip {key}", f"clip {key.partition('/')[0]}") for key in self.videos]

    def labels(self) -> Sequence[str]:
        return ()

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[DatasetVideo]:
        yield self.videos[entry.key]


@pytest.mark.parametrize(
    ("squares", "best"),
    [
        ([(0, 0, 4), (1, 0, 4), (2, 0, 4)], 1),  # the one in the middle
        ([(0, 0, 4), (0, 0, 4), (5, 5, 4)], 1),  # of equal ones the newest
        ([(0, 0, 4), (2, 0, 4)], 1),  # of two the newest
    ],
)
def test_the_best_annotation_agrees_most_with_the_others(squares: Sequence[Square], best: int) -> None:
    videos = {f"7/{n}": still(a=each) for n, each in enumerate(squares)}
    source = CombinedSource(Annotations(videos), AnnotatorChoice.Way.BEST, CODEC)
    (entry,) = source.entries()
    assert (entry.key, entry.name, source.record) == ("7", "clip 7", {"annotator": "best"})
    with source.open(entry) as video:
        assert video is videos[f"7/{best}"]


def test_a_single_annotation_stays_as_it_is() -> None:
    videos = {"7/1": still(a=(0, 0, 4)), "8/2": still(a=(0, 0, 4)), "8/3": still(a=(0, 0, 4)), "9": still()}
    source = CombinedSource(Annotations(videos), AnnotatorChoice.Way.CONSENSUS, CODEC)
    found = {}
    for entry in source.entries():
        with source.open(entry) as video:
            found[entry.key] = type(video)
    assert found == {"7": Annotation, "8": ConsensusVideo, "9": Annotation}


def trusted(mean: float) -> Estimate:
    return Estimate(mean, mean / 2, 1.0, 7.0)


def test_a_trusted_consensus_is_weighted_by_the_trust_in_each_person() -> None:
    truth, wrong = (0, 0, 4), (5, 5, 4)
    videos = {"7/1": still(a=wrong), "7/2": still(a=wrong), "7/3": still(a=truth)}
    weights = {id(videos["7/3"]): trusted(0.98)}
    source = CombinedSource(
        Annotations(videos),
        AnnotatorChoice.Way.TRUSTED_CONSENSUS,
        CODEC,
        lambda video: weights.get(id(video), trusted(0.3)),
    )
    (entry,) = source.entries()
    with source.open(entry) as video:
        (masks, _) = masks_of(video)
        (found,) = masks.values()
        assert (found == square(*truth)).all()
        listed = video.provenance["annotations"]
        assert isinstance(listed, list)
        assert listed[2]["trust"] == {"mean": 0.98, "interval": [0.49, 1.0], "observations": 7.0}
        (shown,) = next(video.frames()).objects
        assert shown.origin is MaskOrigin.CONSENSUS
    without = CombinedSource(Annotations(videos), AnnotatorChoice.Way.TRUSTED_CONSENSUS, CODEC)
    with pytest.raises(ValueError, match="needs the trust"), without.open(without.entries()[0]):
        pass


def test_disagreements_name_presence_and_overlap() -> None:
    sometimes = Annotation({("a", "Cat"): [(0, 0, 4), None]})
    voted = TrustedConsensusVideo([still(a=(0, 0, 4)), sometimes], CODEC, [trusted(0.8)] * 2)
    (_, (first,)), (_, (second,)) = voted.with_disagreements()
    assert (first.conflicts, first.needs_adjudication) == ((), False)
    assert ([str(each) for each in second.conflicts], second.needs_adjudication) == (["presence", "two people"], True)
    assert second.doubt > first.doubt


def test_boxes_are_joined_by_trust_too() -> None:
    boxes = [Box(0, 0, 0.4, 0.4), Box(0.5, 0.5, 0.9, 0.9), Box(0.5, 0.5, 0.9, 0.9)]
    voted = TrustedConsensusVideo([still(a=box) for box in boxes], CODEC, [trusted(t) for t in (0.97, 0.3, 0.3)])
    shapes = [[each.box for each in frame.present] for frame in voted.frames()]
    assert shapes == [[boxes[0]]] * FRAMES
