"""docker/kubernetes: documents fit Kubernetes' schema, their references hold, and every setting exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from backend.domain.jobs import JobKind
from tests.docs.test_compose import setting_names

ROOT = Path(__file__).parents[2] / "docker" / "kubernetes"
BASE = ROOT / "base"
VERSIONS = ("1.34", "1.37")
"""The oldest and the newest whose schemas the package has."""

Document = dict[str, Any]


def listed(folder: Path) -> Document:
    document: Document = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return document


DOCUMENTS: list[Document] = [
    document for name in listed(BASE)["resources"] for document in yaml.safe_load_all((BASE / name).read_text())
]
DEPLOYMENTS = {each["metadata"]["name"]: each for each in DOCUMENTS if each["kind"] == "Deployment"}


def of_kind(kind: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in DOCUMENTS if each["kind"] == kind}


def pod(deployment: Document) -> Document:
    spec: Document = deployment["spec"]["template"]["spec"]
    return spec


def require_schema(documents: list[Document]) -> None:
    for document in documents:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


def test_the_base_fits_the_schema() -> None:
    require_schema(DOCUMENTS)


def test_the_schema_refuses_a_misspelt_field() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        require_schema([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dta": {}}])


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl renders an overlay")
def test_the_overlay_puts_both_workers_on_gpus() -> None:
    rendered = subprocess.run(["kubectl", "kustomize", ROOT / "gpu"], capture_output=True, text=True, check=True).stdout
    documents: list[Document] = list(yaml.safe_load_all(rendered))
    require_schema(documents)
    workers = [pod(each) for each in documents if "masklet/worker" in each["metadata"]["labels"]]
    assert len(workers) == len(JobKind)
    for worker in workers:
        (container,) = worker["containers"]
        assert container["image"] == "registry.example/masklet-worker:0.1.0"
        assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert container["env"] == [{"name": "MASKLET_DEVICE", "value": "cuda"}]
        assert worker["nodeSelector"] == {"nvidia.com/gpu.present": "true"}


def test_every_file_is_part_of_a_kustomization() -> None:
    for folder in (BASE, ROOT / "gpu"):
        kustomization = listed(folder)
        named = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
        assert {path.name for path in folder.iterdir()} - {"kustomization.yaml"} == named - {"../base"}


def test_every_setting_exists() -> None:
    settings = set(of_kind("ConfigMap")["masklet-settings"]["data"])
    secrets = set(re.findall(r"^(\w+)=", (ROOT / "secrets.env.example").read_text(), re.MULTILINE))
    patch = yaml.safe_load((ROOT / "gpu" / "on-gpus.yaml").read_text())
    containers = [each for spec in (*DEPLOYMENTS.values(), patch) for each in pod(spec)["containers"]]
    given = {variable["name"] for container in containers for variable in container.get("env", [])}
    of_the_store = {name for name in settings | secrets | given if name.startswith("AWS_")}
    assert (settings | secrets | given) - of_the_store <= setting_names()
    assert of_the_store == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert not settings & secrets


def test_references_hold() -> None:
    claims, maps = set(of_kind("PersistentVolumeClaim")), set(of_kind("ConfigMap"))
    for name, deployment in DEPLOYMENTS.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items(), name
        claimed = [each["persistentVolumeClaim"] for each in pod(deployment)["volumes"] if "emptyDir" not in each]
        assert {claim["claimName"] for claim in claimed} == claims
        for container in pod(deployment)["containers"]:
            sources = container["envFrom"]
            assert {source["configMapRef"]["name"] for source in sources if "configMapRef" in source} <= maps
            assert [source["secretRef"]["name"] for source in sources if "secretRef" in source] == ["masklet-secrets"]
    for scaler in of_kind("HorizontalPodAutoscaler").values():
        assert scaler["spec"]["scaleTargetRef"]["name"] in DEPLOYMENTS
    (service,) = of_kind("Service").values()
    wanted = service["spec"]["selector"].items()
    (web,) = [each for each in DEPLOYMENTS.values() if wanted <= each["spec"]["template"]["metadata"]["labels"].items()]
    ports = {port["name"] for port in pod(web)["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_workers_are_of_each_kind_and_images_are_ours() -> None:
    workers = [pod(each)["containers"][0] for name, each in DEPLOYMENTS.items() if name != "masklet-web"]
    assert sorted(worker["args"] for worker in workers) == sorted([str(kind)] for kind in JobKind)
    compose = yaml.safe_load((ROOT.parents[1] / "docker-compose.yml").read_text())["services"].values()
    used = {container["image"] for each in DEPLOYMENTS.values() for container in pod(each)["containers"]}
    assert used <= {service["image"] for service in compose if "build" in service}
    assert used == {image["name"] for image in listed(BASE)["images"]}


def test_what_hangs_is_started_again() -> None:
    for deployment in DEPLOYMENTS.values():
        (container,) = pod(deployment)["containers"]
        assert container["livenessProbe"]["exec"]["command"][:2] == ["masklet", "probe"]
        assert container["startupProbe"]["failureThreshold"] * container["startupProbe"]["periodSeconds"] >= 180
