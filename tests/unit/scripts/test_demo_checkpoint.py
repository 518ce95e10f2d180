"""The demo's checkpoint: fetched from a server, or replaced by the demo model with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from backend.adapters.sam2.weights import download
from backend.domain.errors import ModelError
from scripts.demonstration.checkpoint import prepare_checkpoint, print_expectation
from tests.fakes.servers.checkpoint_server import CONTENT, ENTRY, NAME, CheckpointServer, checkpoint_server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[CheckpointServer]:
    monkeypatch.setattr(download, "PUBLISHED", {"tiny": ENTRY})
    monkeypatch.delenv("MASKLET_MODEL_DIR", raising=False)
    monkeypatch.delenv("MASKLET_MODEL", raising=False)
    with checkpoint_server() as running:
        monkeypatch.setenv("MASKLET_MODEL_BASE_URL", running.url)
        yield running


def prepared(wanted: str | None, folder: Path, *, terminal: bool = False) -> tuple[str, str]:
    """The chosen checkpoint and the printed text."""
    out = StringIO()
    console = Console(file=out, highlight=False, force_terminal=terminal, width=200)
    return prepare_checkpoint(wanted, folder, console), out.getvalue()


def test_it_is_fetched_into_the_demos_folder(server: CheckpointServer, tmp_path: Path) -> None:
    assert prepared("tiny", tmp_path) == ("tiny", f"Fetching {NAME}\n")
    assert (tmp_path / "models" / NAME).read_bytes() == CONTENT
    assert prepared("tiny", tmp_path) == ("tiny", "")
    assert prepared("auto", tmp_path) == ("tiny", "")
    assert len(server.requested) == 1


def test_a_terminal_shows_a_bar(server: CheckpointServer, tmp_path: Path) -> None:
    _, text = prepared("tiny", tmp_path, terminal=True)
    assert NAME in text
    assert "102.4/102.4 kB" in text


def test_a_cut_transfer_goes_on_where_it_ended(server: CheckpointServer, tmp_path: Path) -> None:
    server.cut = 5000
    model, text = prepared("tiny", tmp_path)
    assert model == "demo"
    assert "The demo model runs in place of tiny: fetching sam2.1_hiera_tiny.pt broke off after 5,000 bytes" in text
    server.cut = None
    assert prepared("tiny", tmp_path)[0] == "tiny"
    assert server.requested == [None, "bytes=5000-"]


def test_other_content_is_not_used(server: CheckpointServer, tmp_path: Path) -> None:
    server.content = b"a web page"
    model, text = prepared("tiny", tmp_path)
    assert (model, "is not the published file" in text) == ("demo", True)
    assert not list((tmp_path / "models").iterdir())


def test_an_address_that_cannot_be_reached(
    server: CheckpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASKLET_MODEL_BASE_URL", "http://127.0.0.1:9/")
    model, text = prepared("tiny", tmp_path)
    assert model == "demo"
    assert text.startswith(f"The demo model runs in place of tiny: http://127.0.0.1:9/{NAME} cannot be reached (")
    assert text.count("\n") == 1


def test_a_name_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no checkpoint 'huge'"):
        prepared("huge", tmp_path)


@pytest.mark.parametrize(("model", "video"), [("tiny", Path("a.mp4")), ("demo", None)])
def test_only_the_demo_model_on_a_users_video_needs_a_warning(model: str, video: Path | None) -> None:
    out = StringIO()
    print_expectation(model, video, Console(file=out))
    assert out.getvalue() == ""


def test_the_demo_model_on_a_users_video_has_its_warning() -> None:
    out = StringIO()
    print_expectation("demo", Path("a.mp4"), Console(file=out))
    assert out.getvalue() == (
        "The demo model was trained on drawn clips: expect poor masks on real footage. "
        "A published checkpoint is fetched and used by: ./scripts/demo --model tiny --video a.mp4\n"
    )
