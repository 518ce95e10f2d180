"""Settings reach the engine; a worker that compiles gets the time for it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from backend.adapters.sam2.runtime.options import EngineOptions
from backend.bootstrap import engine, stack
from backend.bootstrap.container import Container
from backend.domain.errors import ModelError
from backend.domain.jobs import JobKind
from backend.settings import Settings


def test_settings_reach_the_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[EngineOptions] = []

    def load(name: str, *, model_dir: Path, device: str, threads: int, options: EngineOptions) -> None:
        assert (name, device, threads) == ("demo", "cpu", 3)
        given.append(options)

    monkeypatch.setattr(engine, "load_engine", load)
    settings = Settings(
        data_dir=tmp_path,
        model="demo",
        device="cpu",
        threads=3,
        feature_cache_mib=7,
        lookahead_frames=5,
        max_prompted_frames_attended=4,
        precision="bfloat16",
        compile="graphs",
        image_size="256",
    )
    engine.build_engine(Container(settings), shares_cores=True)
    assert asdict(given[0]) == {
        "feature_cache_mib": 7,
        "lookahead": 5,
        "max_prompted_frames_attended": 4,
        "precision": "bfloat16",
        "compile": "graphs",
        "image_size": "256",
    }


def test_an_unknown_compile_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="MASKLET_COMPILE is 'full'; choose off, graphs, default or max"):
        engine.build_engine(Container(Settings(data_dir=tmp_path, model="demo", compile="full")), shares_cores=False)


def test_an_image_size_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    message = "MASKLET_IMAGE_SIZE is '500'; choose auto or a multiple of 32 from 128 to 2048; 480 and 512"
    with pytest.raises(ModelError, match=message):
        engine.build_engine(Container(Settings(data_dir=tmp_path, model="demo", image_size="500")), shares_cores=False)


@pytest.mark.parametrize(("mode", "ready_s"), [("off", 120.0), ("graphs", 1800.0), ("max", 1800.0)])
def test_a_compiling_worker_has_more_time_to_start(mode: str, ready_s: float, tmp_path: Path) -> None:
    spec = stack._worker(
        Container(Settings(data_dir=tmp_path, compile=mode)), "redis://127.0.0.1:1/0", JobKind.INTERACTIVE
    )
    assert spec.ready_s == ready_s


def test_engines_that_share_the_cores_get_half_of_them_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "usable_cores", lambda: 5)
    assert engine.model_threads(0, shares_cores=True) == 2
    assert engine.model_threads(0, shares_cores=False) == 5
    assert engine.model_threads(7, shares_cores=True) == 7
    monkeypatch.setattr(engine, "usable_cores", lambda: 1)
    assert engine.model_threads(0, shares_cores=True) == 1
