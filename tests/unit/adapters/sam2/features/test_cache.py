"""The feature cache: its capacity, its order, its key."""

from __future__ import annotations

import pytest
import torch

from backend.adapters.sam2.features.cache import FeatureCache, FeatureKind
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.domain.video import ContentHash

CPU = torch.device("cpu")
VIDEO, OTHER = ContentHash("a"), ContentHash("b")
KIND = FeatureKind("masklet-tiny-00000000", 512, "float32")


def features(nbytes: int = 40) -> ImageFeatures:
    return ImageFeatures((torch.zeros(1, 1, 1, nbytes // 4),))


def test_the_least_recently_used_frame_is_dropped() -> None:
    cache = FeatureCache(80, device=CPU)
    first, second, third = features(), features(), features()
    cache.put(VIDEO, 0, KIND, first)
    cache.put(VIDEO, 1, KIND, second)
    assert cache.get(VIDEO, 0, KIND) is not None
    cache.put(VIDEO, 2, KIND, third)
    kept = cache.get(VIDEO, 0, KIND)
    assert kept is not None
    assert kept.levels[0] is first.levels[0]
    assert (cache.get(VIDEO, 1, KIND), cache.has(VIDEO, 2, KIND), len(cache), cache.nbytes) == (None, True, 2, 80)
    assert cache.get(OTHER, 0, KIND) is None


def test_it_is_bounded_in_bytes_not_in_frames() -> None:
    cache = FeatureCache(100, device=CPU)
    for index in range(4):
        cache.put(VIDEO, index, KIND, features(20))
    cache.put(VIDEO, 9, KIND, features(60))
    assert (cache.frames_of(VIDEO), cache.nbytes) == ((2, 3, 9), 100)


def test_features_beyond_the_capacity_drop_nothing() -> None:
    cache = FeatureCache(50, device=CPU)
    cache.put(VIDEO, 0, KIND, features())
    cache.put(VIDEO, 1, KIND, features(60))
    assert cache.frames_of(VIDEO) == (0,)
    nothing = FeatureCache(0, device=CPU)
    nothing.put(VIDEO, 0, KIND, features())
    assert len(nothing) == 0


def test_repeated_features_count_once() -> None:
    cache = FeatureCache(100, device=CPU)
    for _ in range(3):
        cache.put(VIDEO, 0, KIND, features())
    assert (len(cache), cache.nbytes) == (1, 40)


@pytest.mark.parametrize(
    "kind",
    [
        FeatureKind("masklet-large-00000000", 512, "float32"),
        FeatureKind("masklet-tiny-00000000", 1024, "float32"),
        FeatureKind("masklet-tiny-00000000", 512, "bfloat16"),
        FeatureKind("masklet-tiny-00000000", 512, "float32", decoder="NVDEC"),
    ],
    ids=["weights", "image size", "precision", "decoder"],
)
def test_features_of_another_kind_are_not_returned(kind: FeatureKind) -> None:
    cache = FeatureCache(100, device=CPU)
    cache.put(VIDEO, 0, KIND, features())
    assert cache.get(VIDEO, 0, kind) is None
    assert not cache.has(VIDEO, 0, kind)


def test_frames_of_a_video_are_listed_and_dropped() -> None:
    cache = FeatureCache(120, device=CPU)
    for content_hash, index in ((VIDEO, 5), (OTHER, 1), (VIDEO, 2)):
        cache.put(content_hash, index, KIND, features())
    assert (cache.frames_of(VIDEO), cache.frames_of(OTHER)) == ((2, 5), (1,))
    cache.forget(VIDEO)
    assert (cache.frames_of(VIDEO), len(cache), cache.nbytes) == ((), 1, 40)
    assert cache.get(OTHER, 1, KIND) is not None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_devices_features_are_kept_page_locked_on_the_host() -> None:
    device = torch.device("cuda")
    cache = FeatureCache(2**20, device=device)
    level = torch.randn(1, 32, 64, 64, device=device)
    cache.put(VIDEO, 0, KIND, ImageFeatures((level,)))
    (kept,) = cache._kept.values()
    assert kept.levels[0].is_pinned()
    fetched = cache.get(VIDEO, 0, KIND)
    assert fetched is not None
    assert fetched.levels[0].is_cuda
    assert torch.equal(fetched.levels[0], level)
