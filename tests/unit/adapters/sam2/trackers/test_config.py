"""The configs of trackers in transformers' format: defaults, and values that are refused. Needs no torch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.adapters.sam2.trackers.config import EdgeTamConfig, Sam3Config, read_config
from backend.domain.errors import ModelError

EDGETAM = {"model_type": "edgetam_video"}


def written(tmp_path: Path, **values: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**EDGETAM, **values}))
    return path


def test_keys_that_are_left_out_are_the_published_models(tmp_path: Path) -> None:
    config = read_config(written(tmp_path), "edgetam")
    assert isinstance(config, EdgeTamConfig)
    assert (config.image_size, config.image_size_step, config.max_prompted) == (1024, 256, 0)
    assert (config.architecture, config.channels, config.top_down) == ("repvit_m1", (384, 192, 96, 48), (2, 3))
    assert config.counts["memory_attention_num_layers"] == 2
    assert config.numbers["rope_theta"] == 10_000


@pytest.mark.parametrize("model_type", ["sam3_tracker_video", "sam3_video"])
def test_the_published_sam3(model_type: str, tmp_path: Path) -> None:
    config = read_config(written(tmp_path, model_type=model_type), "sam3")
    assert (config.image_size, config.image_size_step, config.stride, config.max_prompted) == (1008, 336, 14, 4)
    assert (config.counts["memory_attention_num_layers"], config.feed_forward) == (4, 2048)


def test_the_tracker_of_a_whole_sam3_is_read_with_its_image_encoder(tmp_path: Path) -> None:
    vision = {"backbone_config": {"window_size": 12, "image_size": 672}}
    path = written(
        tmp_path,
        model_type="sam3_video",
        num_maskmem=1,
        tracker_config={"num_maskmem": 5, "vision_config": {"fpn_hidden_size": 64}},
        detector_config={"vision_config": vision},
    )
    config = read_config(path, "sam3")
    assert isinstance(config, Sam3Config)
    assert (config.counts["num_maskmem"], config.vision) == (5, vision)
    assert (config.image_size, config.image_size_step) == (672, 168)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "is of a model of type 'edgetam_video'; Masklet needs 'sam3_tracker_video' or 'sam3_video'"),
        ({"model_type": "sam3_video", "tracker_config": {"max_cond_frame_num": -1}}, "max_cond_frame_num to -1"),
        ({"model_type": "sam3_video", "tracker_config": {"image_size": 8}}, "sets image_size to 8"),
        ({"model_type": "sam3_tracker_video", "image_size": 1000}, "image_size to 1000: Masklet runs multiples of 336"),
        (
            {"model_type": "sam3_video", "detector_config": {"vision_config": []}},
            r"sets vision_config to \[\]: it is an",
        ),
    ],
)
def test_a_sam3_that_masklet_cannot_run_is_refused(values: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        read_config(written(tmp_path, **values), "sam3")


def test_other_values_are_read(tmp_path: Path) -> None:
    config = read_config(
        written(
            tmp_path,
            image_size=[512, 512],
            rope_parameters={"rope_theta": 500.0},
            perceiver_resampler_num_latents_2d=64,
            memory_attention_rope_k_sizes=[8, 8],
            vision_config={"backbone_config": {"architecture": "repvit_m1_1.dist_300e_in1k"}},
        ),
        "edgetam",
    )
    assert isinstance(config, EdgeTamConfig)
    assert (config.image_size, config.image_size_step) == (512, 128)
    assert (config.architecture, config.numbers["rope_theta"]) == ("repvit_m1_1.dist_300e_in1k", 500)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "sam2_video"}, "is of a model of type 'sam2_video'; Masklet needs 'edgetam_video'"),
        ({"max_cond_frame_num": 4}, "sets max_cond_frame_num to 4: Masklet runs -1"),
        ({"num_maskmem": 0}, "sets num_maskmem to 0: it is an integer from 1 to 65536"),
        ({"num_maskmem": True}, "sets num_maskmem to True: it is an integer"),
        ({"image_size": [512, 256]}, r"sets image_size to \[512, 256\]"),
        ({"perceiver_resampler_num_latents_2d": 200}, "num_latents_2d to 200: Masklet runs 196"),
        ({"memory_attention_hidden_size": 128}, "sets memory_attention_hidden_size to 128: Masklet runs 256"),
        ({"sigmoid_scale_for_mem_enc": "big"}, "sets sigmoid_scale_for_mem_enc to 'big': it is a number"),
        ({"multimask_output_for_tracking": 1}, "to 1: it is true or false"),
        ({"mask_decoder_config": {"mlp_dim": 64}}, r"sets mask_decoder_config\.mlp_dim to 64: Masklet runs 2048"),
        ({"vision_config": {"fpn_top_down_levels": "2"}}, "it is a list of integers"),
        (
            {"vision_config": {"backbone_config": {"architecture": "resnet50"}}},
            "to 'resnet50': Masklet runs timm's repvit",
        ),
        (
            {"vision_config": {"backbone_config": {"model_args": {"pretrained": True}}}},
            "model_args to {'pretrained': True}",
        ),
    ],
)
def test_a_value_that_masklet_cannot_run_is_refused(values: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"config\.json {message}|config\.json .*{message}"):
        read_config(written(tmp_path, **values), "edgetam")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "it cannot be read as JSON"), ("[]", "it is no JSON object"), (" " * 2_000_000, "it is too large")],
)
def test_another_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=f"is no model's config: {message}"):
        read_config(tmp_path / "config.json", "edgetam")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json cannot be read: No such file"):
        read_config(tmp_path / "config.json", "edgetam")
