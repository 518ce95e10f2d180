"""The document for Compose: the services of docker-compose.yml as hosts with addresses and disks of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.container_runs.engine import REPOSITORY
from scripts.container_runs.stack import AS_SHIPPED, Application
from scripts.label_studio.server import free_port

BATCH = "/batch"
"""Where the web processes and the single machine have the clips and their prompts."""

OBJECT_STORE_IMAGE = "masklet-trial-s3"
SINGLE = "single"
WEBS = ("web-1", "web-2")
IMPORTER = WEBS[0]
NETWORKS = ("default", "ledger", "store")
"""Of ledger and store a network each, so that one host can be cut off from one of them."""

HEARTBEAT_TTL_S = 20
SETTINGS = {
    "MASKLET_STORE_URL": "s3://masklet/hosts",
    "AWS_ENDPOINT_URL": "http://s3:9000",
    "AWS_ALLOW_HTTP": "true",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "masklet",
    "AWS_SECRET_ACCESS_KEY": "masklet-of-this-trial",
}
"""Variables of docker-compose.yml."""

MODEL = {"MASKLET_MODEL": "demo", "MASKLET_THREADS": "1"}
"""One thread, because sums over several threads have other roundings."""

EVERY_HOST = {
    **MODEL,
    "MASKLET_PUBLIC_URL": "http://web:9090",
    "MASKLET_HEARTBEAT_TTL_S": str(HEARTBEAT_TTL_S),
    "MASKLET_SNAPSHOT_FRAMES": "25",
}
"""The name `web` has the addresses of both web processes."""

Service = dict[str, Any]


def application_of(state: Path, *, workers: int, batch: Path) -> Application:
    """Writes the document into the state folder. batch: a folder that the web processes and the single machine see."""
    shipped = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    path = state / "hosts.yml"
    path.write_text(yaml.safe_dump(document(shipped, workers=workers, batch=batch), sort_keys=False))
    return Application(path, f"{AS_SHIPPED.project}-hosts", "hosts")


def settings() -> dict[str, str]:
    """The variables that the document needs beside those of docker-compose.yml; ports that are free now."""
    return {
        **SETTINGS,
        "HOSTS_WEB_2_PORT": str(free_port(19190)),
        "HOSTS_POSTGRES_PORT": str(free_port(25432)),
    }


def worker_names(workers: int) -> tuple[str, ...]:
    return tuple(f"worker-{number}" for number in range(1, workers + 1))


def document(shipped: Mapping[str, Service], *, workers: int, batch: Path) -> dict[str, Any]:
    """Label Studio, PostgreSQL, Valkey and S3, two web processes, workers, and the single machine to compare with.

    shipped: the services of docker-compose.yml. No volume belongs to two of them.
    """
    hosts: dict[str, Service] = {
        "postgres": _host(shipped["postgres"], "postgres", ("ledger",)),
        "valkey": _host(shipped["valkey"], "valkey", ("default",)),
        "s3": {
            "image": OBJECT_STORE_IMAGE,
            "hostname": "s3",
            "networks": ["store"],
            "volumes": ["s3:/data"],
            "restart": "unless-stopped",
            "healthcheck": {
                "test": ["CMD", "python3", "-c", "import socket; socket.create_connection(('localhost', 9000), 5)"]
            },
        },
        "label-studio": _host(shipped["label-studio"], "label-studio", ("default", "ledger")),
    }
    hosts["postgres"]["ports"] = ["127.0.0.1:${HOSTS_POSTGRES_PORT}:5432"]
    for name, port in zip(WEBS, ("${MASKLET_PORT}", "${HOSTS_WEB_2_PORT}"), strict=True):
        web = hosts[name] = _masklet_host(shipped["web"], name)
        web["ports"] = [f"127.0.0.1:{port}:9090"]
        web["volumes"] += [f"{batch}:{BATCH}:ro"]
        web["networks"] = {network: {"aliases": ["web"]} if network == "default" else {} for network in NETWORKS}
    for name in worker_names(workers):
        hosts[name] = _masklet_host(shipped["propagate"], name)
    hosts[SINGLE] = _single_machine(shipped, batch)
    volumes = [name for host in hosts.values() for name in _named_volumes(host)]
    return {"services": hosts, "networks": {name: {} for name in NETWORKS}, "volumes": {name: {} for name in volumes}}


def _host(service: Service, name: str, networks: tuple[str, ...]) -> Service:
    """A service of docker-compose.yml as a host: built already, with a name, and folders of this machine in full."""
    left_out = ("build", "profiles", "deploy")
    host = {key: value for key, value in service.items() if key not in left_out}
    volumes = [volume.replace("./", f"{REPOSITORY}/", 1) for volume in service.get("volumes", []) if "./" in volume]
    kept = [volume for volume in service.get("volumes", []) if "./" not in volume]
    return {**host, "hostname": name, "networks": list(networks), "volumes": [*kept, *volumes]}


def _masklet_host(service: Service, name: str) -> Service:
    """A host with a data folder of its own."""
    host = _host(service, name, NETWORKS)
    return {**host, "environment": {**host["environment"], **EVERY_HOST}, "volumes": [f"{name}:/data"]}


def _single_machine(shipped: Mapping[str, Service], batch: Path) -> Service:
    """`masklet up` in one container: SQLite, a queue of its own, and masks in files."""
    web = shipped["web"]["environment"]
    taken = ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "MASKLET_DATA_DIR", "MASKLET_HOST", "MASKLET_PORT")
    passwords = ("MASKLET_BASIC_AUTH_USER", "MASKLET_BASIC_AUTH_PASS")
    return {
        "image": shipped["propagate"]["image"],
        "entrypoint": ["masklet", "up"],
        "hostname": SINGLE,
        "environment": {**{key: web[key] for key in (*taken, *passwords)}, **MODEL},
        "volumes": [f"{SINGLE}:/data", f"{batch}:{BATCH}:ro"],
        "networks": ["default"],
        "depends_on": {"label-studio": {"condition": "service_started"}},
        "init": True,
        "restart": "unless-stopped",
        "stop_grace_period": "60s",
        "healthcheck": shipped["web"]["healthcheck"],
    }


def _named_volumes(host: Service) -> list[str]:
    return [name for name in (volume.partition(":")[0] for volume in host.get("volumes", [])) if name[0] not in "/$"]
