"""A trained checkpoint as one .zip, to move it between machines.

An archive is not trusted: only the files of a checkpoint are taken, each with a bound, and none under a path of the
archive's own. The weights are read as safetensors, which hold no code; the config is checked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from uuid import uuid4

from backend.adapters.sam2.weights.trained import (
    CARD,
    CONFIG,
    WEIGHTS,
    TrainedCheckpoint,
    calibrator_name,
    find_trained,
    install,
    read_card,
    require_name,
    trained_names,
    verify,
)
from backend.codecs.full_disk import full_disk_told
from backend.domain.errors import InvalidInput, NotFound

CALIBRATOR = "calibrator.json"
MOST_BYTES = {WEIGHTS: 4 * 2**30, CONFIG: 2**20, CARD: 2**20, CALIBRATOR: 2**22}
"""The files of an archive and the most bytes of each."""

_CHUNK = 2**20


def export_trained(name: str, model_dir: Path, archive: Path) -> None:
    """Writes a trained checkpoint as an archive, by rename.

    Raises NotFound, IntegrityError, InvalidInput for a folder that is not there, StorageFull.
    """
    trained = find_trained(name, model_dir)
    if trained is None:
        known = ", ".join(trained_names(model_dir)) or "none"
        raise NotFound(f"there is no trained checkpoint {name!r}; the trained ones: {known}")
    verify(trained)
    if not archive.parent.is_dir():
        raise InvalidInput(f"the folder {archive.parent} does not exist")
    files = {WEIGHTS: WEIGHTS, CONFIG: CONFIG, CARD: CARD, CALIBRATOR: calibrator_name(name)}
    part = archive.with_name(f".{uuid4().hex}.part")
    with full_disk_told(archive.parent):
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as out:
                for member, file in files.items():
                    if (trained.folder / file).is_file():
                        out.write(trained.folder / file, member)
            os.replace(part, archive)
        finally:
            part.unlink(missing_ok=True)


def import_trained(archive: Path, model_dir: Path) -> TrainedCheckpoint:
    """Installs the checkpoint of an archive under the name in its card.

    Raises InvalidInput for a file that is no such archive, has other or too large files, or if another checkpoint has
    the name; IntegrityError for wrong or missing parts; StorageFull.
    """
    model_dir.mkdir(parents=True, exist_ok=True)
    with full_disk_told(model_dir), tempfile.TemporaryDirectory(prefix=".import-", dir=model_dir) as folder:
        _unpack(archive, Path(folder))
        return install(Path(folder), model_dir)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            _require_known(archive, members)
            for member in members:
                _copy(packed, member, folder / member.filename)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise InvalidInput(f"{archive.name} is no archive of a checkpoint, or is damaged: export it again") from error
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {archive}") from error
    except IsADirectoryError as error:
        raise InvalidInput(f"{archive} is a folder; give the .zip that `masklet models export` wrote") from error
    if (folder / CALIBRATOR).is_file() and (folder / CARD).is_file():
        _name_calibrator(folder)


def _require_known(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    strange = [name for name in names if name not in MOST_BYTES]
    if strange:
        raise InvalidInput(f"{archive.name} has {strange[0]!r}, which is no file of a checkpoint: not imported")
    if len(set(names)) != len(names):
        raise InvalidInput(f"{archive.name} has a file twice: not imported")


def _copy(packed: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Copies a member, counting its bytes: an archive may say a smaller size than it has."""
    most, received = MOST_BYTES[member.filename], 0
    with packed.open(member) as source, path.open("wb") as target:
        while chunk := source.read(_CHUNK):
            received += len(chunk)
            if received > most:
                raise InvalidInput(f"{member.filename} in the archive has more than {most:,} bytes: not imported")
            target.write(chunk)


def _name_calibrator(folder: Path) -> None:
    """Gives the calibrator the name that it has beside its weights."""
    name = require_name(str(read_card(folder / CARD)["name"]))
    shutil.move(folder / CALIBRATOR, folder / calibrator_name(name))
