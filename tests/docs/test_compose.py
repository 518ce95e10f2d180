"""docker-compose.yml: its structure, and the existence of every named setting."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from backend.bootstrap.masks.opening import CLIENT_VARIABLES
from backend.domain.jobs import JobKind
from backend.domain.training.rows import TRAIN
from backend.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if str(service["image"]).startswith("masklet-")}

# The part of the Compose specification that the file uses. Any other key is a mistake.
SCHEMA = {
    "type": "object",
    "required": ["services", "volumes"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "volumes": {"type": "object", "additionalProperties": {"type": "null"}},
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["image", "restart", "healthcheck"],
                "additionalProperties": False,
                "properties": {
                    "image": {"type": "string"},
                    "build": {
                        "type": "object",
                        "required": ["context", "dockerfile", "target"],
                        "additionalProperties": False,
                        "properties": {
                            **{key: {"type": "string"} for key in ("context", "dockerfile", "target")},
                            "args": {"type": "object", "additionalProperties": {"type": "string"}},
                        },
                    },
                    "command": {"type": "array", "items": {"type": "string"}},
                    "environment": {"type": "object", "additionalProperties": {"type": "string"}},
                    "ports": {"type": "array", "items": {"type": "string"}},
                    "volumes": {"type": "array", "items": {"type": "string", "pattern": ":"}},
                    "profiles": {"type": "array", "items": {"enum": ["cpu", "gpu", "train", "train-gpu"]}},
                    "restart": {"const": "unless-stopped"},
                    "init": {"type": "boolean"},
                    "stop_grace_period": {"type": "string", "pattern": "^[0-9]+s$"},
                    "depends_on": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "required": ["condition"],
                            "properties": {"condition": {"const": "service_healthy"}},
                        },
                    },
                    "deploy": {"type": "object", "required": ["resources"]},
                    "healthcheck": {
                        "type": "object",
                        "required": ["test", "interval", "timeout", "retries"],
                        "additionalProperties": False,
                        "properties": {
                            "test": {"type": "array", "prefixItems": [{"const": "CMD"}], "minItems": 2},
                            "interval": {"type": "string", "pattern": "^[0-9]+s$"},
                            "timeout": {"type": "string", "pattern": "^[0-9]+s$"},
                            "start_period": {"type": "string", "pattern": "^[0-9]+s$"},
                            "retries": {"type": "integer", "minimum": 1},
                        },
                    },
                },
            },
        },
    },
}


def setting_names() -> set[str]:
    """The environment variables that Settings reads."""
    return {str(field.validation_alias or f"MASKLET_{name.upper()}") for name, field in Settings.model_fields.items()}


def test_structure() -> None:
    errors = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in Draft202012Validator(SCHEMA).iter_errors(COMPOSE)
    ]
    assert errors == []


def test_services() -> None:
    assert set(SERVICES) == {
        *("label-studio", "postgres", "valkey", "web"),
        *("interactive", "propagate", "interactive-gpu", "propagate-gpu"),
        *("train", "train-gpu"),
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_setting_exists(name: str) -> None:
    assert set(OURS[name]["environment"]) <= setting_names() | set(CLIENT_VARIABLES)


def test_the_settings_are_valid() -> None:
    given = {key: re.sub(r"\$\{\w+(?::-([^}]*))?[^}]*\}", r"\1", value) for key, value in environment("web").items()}
    fields = {str(f.validation_alias or f"MASKLET_{n.upper()}"): n for n, f in Settings.model_fields.items()}
    settings = Settings.model_validate({fields[key]: value for key, value in given.items() if key in fields})
    assert (settings.host, settings.port, str(settings.data_dir)) == ("0.0.0.0", 9090, "/data")
    assert settings.redis_url == "redis://valkey:6379/0"


def test_what_hangs_is_killed_by_its_health_check() -> None:
    for service in OURS.values():
        assert service["healthcheck"]["test"][:4] == ["CMD", "masklet", "probe", "--kill"]
        assert service["init"], "the first process of a container cannot be killed from within"


def test_services_with_ports_need_a_password() -> None:
    assert "MASKLET_BASIC_AUTH_PASS:?" in environment("web")["MASKLET_BASIC_AUTH_PASS"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["label-studio", "web"]


def test_every_variable_without_a_default_is_in_the_example() -> None:
    needed = set(re.findall(r"\$\{(\w+):\?", TEXT))
    example = (ROOT / "docker" / "env.example").read_text()
    assert needed == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_each_profile_has_a_worker_of_each_kind() -> None:
    workers = {(service["profiles"][0], service["command"][0]) for service in OURS.values() if "profiles" in service}
    answering = {(profile, str(kind)) for profile in ("cpu", "gpu") for kind in JobKind}
    assert workers == answering | {("train", TRAIN), ("train-gpu", TRAIN)}


def test_only_the_gpu_profile_reserves_a_gpu() -> None:
    reserving = {name for name, service in SERVICES.items() if "deploy" in service}
    assert reserving == {name for name, service in OURS.items() if service.get("profiles") in (["gpu"], ["train-gpu"])}


def test_label_studio_accepts_the_backend_and_little_else() -> None:
    label_studio = environment("label-studio")
    assert label_studio["ML_BLOCK_LOCAL_IP"] == "false"
    assert label_studio["USE_DEFAULT_BANNED_SUBNETS"] == "false"
    banned = [ipaddress.ip_network(subnet) for subnet in label_studio["USER_ADDITIONAL_BANNED_SUBNETS"].split(",")]
    allowed = [a for a in ("172.18.0.5", "127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1")
               if not any(ipaddress.ip_address(a) in subnet for subnet in banned)]  # fmt: skip
    assert allowed == ["172.18.0.5"]


def test_build_arguments_exist() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text()
    given = {name for service in OURS.values() for name in service["build"].get("args", {})}
    assert given == {"TORCH"}
    assert given <= set(re.findall(r"^ARG (\w+)=", text, re.MULTILINE))


def test_images_of_others_are_pinned() -> None:
    for name, service in SERVICES.items():
        if name not in OURS:
            assert re.search(r":\d+\.\d+(\.\d+)?(-alpine)?$", service["image"]), service["image"]


def test_volumes_and_build_targets_exist() -> None:
    named = {v.partition(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if re.match(r"[a-z]", v)}
    assert named == set(COMPOSE["volumes"])
    targets = set(re.findall(r"^FROM \S+ AS (\w+)", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE))
    assert {service["build"]["target"] for service in OURS.values()} <= targets


def environment(name: str) -> dict[str, str]:
    values: dict[str, str] = SERVICES[name]["environment"]
    return values
