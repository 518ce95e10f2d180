"""The shipped checkpoint: its recorded hash, size and figures."""

import json

import pytest

from backend.adapters.sam2.weights.checkpoint_files import require_hash
from backend.adapters.sam2.weights.checkpoints import SHIPPED_DIR, find
from backend.adapters.sam2.weights.load import load_model
from scripts.training.curriculum import STAGES
from scripts.training.model import configured_image_size


def test_the_shipped_weights_have_the_recorded_hash() -> None:
    facts = json.loads((SHIPPED_DIR / "demo.json").read_text())
    checkpoint = find("demo", None)
    require_hash(checkpoint.weights, facts["sha256"])
    assert checkpoint.weights.stat().st_size == facts["bytes"] < 20_000_000
    assert facts["license"] == "Apache-2.0"
    assert checkpoint.is_demo


def test_training_config_and_facts_agree_on_the_image_size() -> None:
    facts = json.loads((SHIPPED_DIR / "demo.json").read_text())
    assert facts["image_size"] == configured_image_size() == STAGES[-1].image_size


def test_the_model_has_two_to_five_million_parameters() -> None:
    model = load_model(find("demo", None))
    assert 2e6 < sum(value.numel() for value in model.parameters()) < 5e6
    assert not model.training


@pytest.mark.parametrize(
    "figure", ["box_iou", "click_iou", "propagated_iou", "presence_auroc", "prompt_gain", "memory_gain"]
)
def test_the_recorded_figures_show_prompt_response(figure: str) -> None:
    figures = json.loads((SHIPPED_DIR / "demo.json").read_text())["figures"]
    assert 0.5 < figures[figure] <= 1.0
