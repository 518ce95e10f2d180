"""One worker process for each device."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.bootstrap.cluster.device_workers import device_workers, devices_of
from backend.bootstrap.container import Container, load_settings
from backend.domain.errors import InvalidInput
from backend.domain.jobs import JobKind


def test_each_device_has_a_process_of_its_own(tmp_path: Path) -> None:
    container = Container(load_settings(data_dir=tmp_path, redis_url="redis://queue:6379"))
    specs = device_workers(container, JobKind.PROPAGATE, "host", devices_of("0, 1,cpu,cpu"))
    assert [spec.name for spec in specs] == ["host-0", "host-1", "host-2", "host-3"]
    assert [spec.env["MASKLET_DEVICE"] for spec in specs] == ["cuda:0", "cuda:1", "cpu", "cpu"]
    assert specs[1].argv[-4:] == ("worker", "propagate", "--name", "host-1")
    assert {spec.env["REDIS_URL"] for spec in specs} == {"redis://queue:6379"}


@pytest.mark.parametrize("text", [",", "0,", "", " "])
def test_a_list_without_a_device_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="names no device"):
        devices_of(text)
