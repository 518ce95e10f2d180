"""The photo model: its trunk's maps, its folded weights, its fitted neck, and that it is trained and judged by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from backend.adapters.sam2.weights.image_size import resize_model
from backend.domain.errors import IntegrityError
from backend.training.drawn.scenes import SceneSpec, render_batch
from backend.training.rollout import MEAN, STD, to_images
from scripts.training.continued import ContinuedPlan, ContinuedTraining
from scripts.training.mixture import DataPlan
from scripts.training.model import build_model, config_of, demo_config, photo_config
from scripts.training.photo import first_weights
from scripts.training.photo.efficient_trunk import TRUNK_MEAN, TRUNK_STD, Block, EfficientTrunk, SameConv
from scripts.training.photo.first_weights import fetch_trunk, fit_neck, trunk_weights
from scripts.training.pictures.library import Part
from scripts.training.weights_file import engine_of, read_weights

SIDE = 128


def published_trunk(trunk: EfficientTrunk) -> dict[str, Tensor]:
    """Weights with the published names and seeded values, normalisations included."""
    draw = torch.Generator().manual_seed(3)
    found: dict[str, Tensor] = {}

    def put(convolution: str, norm: str, layer: nn.Conv2d) -> None:
        found[f"{convolution}.weight"] = torch.randn(layer.weight.shape, generator=draw) * 0.1
        for name in ("weight", "bias", "running_mean", "running_var"):
            found[f"{norm}.{name}"] = 0.5 + torch.rand(layer.out_channels, generator=draw)

    put("_conv_stem", "_bn0", trunk.stem)
    blocks = [block for block in trunk.modules() if isinstance(block, Block)]
    for number, block in enumerate(blocks):
        if block.widen is not None:
            put(f"_blocks.{number}._expand_conv", f"_blocks.{number}._bn0", block.widen)
        put(f"_blocks.{number}._depthwise_conv", f"_blocks.{number}._bn1", block.filter)
        put(f"_blocks.{number}._project_conv", f"_blocks.{number}._bn2", block.narrow)
    return found


@pytest.mark.parametrize("side", [128, 192])
def test_maps_at_four_strides(side: int) -> None:
    trunk = EfficientTrunk()
    maps = trunk(torch.rand(2, 3, side, side))
    assert [tuple(each.shape[1:]) for each in maps] == [
        (channels, side // stride, side // stride)
        for channels, stride in zip(reversed(trunk.channel_list), (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize(("kernel", "side", "pads"), [(3, 8, (0, 1)), (3, 9, (1, 1)), (5, 8, (1, 2)), (5, 9, (2, 2))])
def test_a_stride_pads_at_the_end(kernel: int, side: int, pads: tuple[int, int]) -> None:
    layer = SameConv(1, 1, kernel, 2)
    maps = torch.rand(1, 1, side, side)
    expected = F.conv2d(F.pad(maps, (*pads, *pads)), layer.weight, layer.bias, stride=2)
    assert torch.equal(layer(maps), expected)
    assert expected.shape[-1] == -(-side // 2)


def test_the_trunk_gets_its_own_normalisation() -> None:
    trunk = EfficientTrunk()
    values = torch.full((1, 3, 1, 1), 200.0)
    as_sam2 = (values / 255 - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    assert torch.allclose(as_sam2 * trunk.scale + trunk.shift, (values - TRUNK_MEAN) / TRUNK_STD, atol=1e-5)


def test_folded_weights_do_what_convolution_and_normalisation_do() -> None:
    trunk = EfficientTrunk().eval()
    published = published_trunk(trunk)
    trunk.load_state_dict(trunk_weights(published))
    maps = torch.rand(1, 3, 16, 16)
    norm = nn.BatchNorm2d(trunk.stem.out_channels, eps=first_weights.NORM_EPSILON).eval()
    norm.load_state_dict(
        {name: published[f"_bn0.{name}"] for name in ("weight", "bias", "running_mean", "running_var")}, strict=False
    )
    expected = norm(F.conv2d(F.pad(maps, (0, 1, 0, 1)), published["_conv_stem.weight"], stride=2))
    assert torch.allclose(trunk.stem(maps), expected, atol=1e-5)


def frames_of(count: int) -> Tensor:
    frames, _ = render_batch(9, 0, count, SceneSpec(1, SIDE, 2, 0.3, 1.0, 0.0))
    return to_images(frames.reshape(-1, SIDE, SIDE, 3), torch.device("cpu"))


@torch.no_grad()
def test_a_neck_that_can_be_equal_is_fitted_to_be() -> None:
    model, teacher = (build_model(SIDE, 1, photo_config()) for _ in range(2))
    for convolution in model.image_encoder.neck.convs:
        convolution.conv.weight.zero_()
    images = frames_of(24)
    fit_neck(model, teacher, [images[:12], images[12:]])
    found, expected = (each.image_encoder(images)["backbone_fpn"] for each in (model, teacher))
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).pow(2).mean() < 0.01 * theirs.var()


def test_the_photo_model_is_trained_saved_and_loaded_by_its_weights(tmp_path: Path) -> None:
    weights = build_model(SIDE, 2, photo_config()).state_dict()
    assert (config_of(weights), config_of(build_model(SIDE).state_dict())) == (photo_config(), demo_config())
    data = DataPlan(tmp_path, Part.TRAINING, 7, SIDE)
    run = ContinuedTraining(ContinuedPlan(1, trunk_share=0.0, neck_share=2.0), data, tmp_path / "run", weights)
    run.train_step(render_batch(9, 0, 1, SceneSpec(2, SIDE, 2, 0.3, 1.0, 0.0)))
    trained = run.model.state_dict()
    moved = [name for name, value in trained.items() if not torch.equal(value, weights[name])]
    assert any(name.startswith("image_encoder.neck") for name in moved)
    assert not any(name.startswith("image_encoder.trunk") for name in moved)
    run.save()
    resumed = ContinuedTraining(ContinuedPlan(1, trunk_share=0.5), data, tmp_path / "run", weights)
    resumed.resume()
    assert [group["share"] for group in resumed.optimizer.param_groups] == [0.5, 1.0, 1.0]
    assert engine_of(*read_weights(run.state_path)).model.image_size == SIDE
    save_file({name: value.half().contiguous() for name, value in trained.items()}, tmp_path / "photo.safetensors")
    kept, size = read_weights(tmp_path / "photo.safetensors")
    assert (config_of(kept), size) == (photo_config(), 192)


def test_a_resized_photo_model_has_no_windows_to_change() -> None:
    model = build_model(192, 2, photo_config())
    resize_model(model, 256)
    assert (model.image_size, model.sam_image_embedding_size) == (256, 16)


def test_another_file_than_the_published_trunk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trunk" / first_weights.FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(IntegrityError, match="remove it and fetch it anew"):
        fetch_trunk(tmp_path)
