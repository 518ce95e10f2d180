"""The data folder's disk is full: what each write answers, and what the same writes answer when there is space again.

The data folder is a small file system in memory, mounted in a namespace of this attack's own (`unshare`, Linux). The
queue lies elsewhere: its server is another's concern. No worker runs, so a click that is accepted is answered 503 after
REPLY_S.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from backend.adapters.media.cache import MediaCache
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.bootstrap.container import Container
from backend.bootstrap.web import build_web
from backend.domain.errors import MaskletError
from backend.domain.geometry import FrameSize
from backend.domain.jobs import ModelInfo
from backend.domain.video import ContentHash, VideoInfo
from backend.interfaces.http.app import create_app
from backend.interfaces.http.errors import status_of
from tests.fakes.web import FRAMES, TestClient, keypoint, pages_task, predict_body

ROOT = Path(__file__).parents[2]
SIZE = "24m"
LONGEST_S = 300.0
REPLY_S = 1.0
CHUNK = 2**16
MEDIA_BYTES = 2**19


def run(quick: bool) -> dict[str, object]:
    """Statuses while the disk is full and after it. skipped: why this machine cannot mount a file system.

    Figures: `full` and `after`, statuses by call; `other_than_507`: calls that wrote and answered anything else;
    `resumed`: whether all answers after it are those before it.
    """
    with tempfile.TemporaryDirectory(prefix="masklet-disk-") as folder:
        mounted = f'mount -t tmpfs -o size={SIZE} none "$1" && shift && exec "$@"'
        own = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
        if shutil.which("unshare") is None or not _works((*own, mounted, "sh", folder, "true")):
            return {"skipped": "this machine does not allow a file system of one's own (unshare, tmpfs)"}
        command = (*own, mounted, "sh", folder, sys.executable, "-m", "scripts.attack_runs.disk", folder)
        rounds = 1 if quick else 3
        ended = subprocess.run(
            (*command, str(rounds)), cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
        if ended.returncode:
            return {"failed": ended.stderr.strip().splitlines()[-5:]}
        figures: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
        return figures


def _works(command: tuple[str, ...]) -> bool:
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def attack(folder: Path, rounds: int) -> dict[str, object]:
    """Fills the disk of a folder, calls, frees it, and calls again."""
    with tempfile.TemporaryDirectory(prefix="masklet-queue-") as queue:
        server = EmbeddedValkey(Path(queue))
        server.start()
        try:
            os.environ |= {
                "REDIS_URL": server.url,
                "MASKLET_REPLY_DEADLINE_S": str(REPLY_S),
                "LABEL_STUDIO_URL": "http://127.0.0.1:9",
                "LABEL_STUDIO_API_KEY": "none",
            }
            container = Container.from_environment(data_dir=folder)
            container.model_announcement.announce(ModelInfo("demo", "masklet-demo-1", 64, "cpu", is_demo=True))
            app = create_app(build_web(container))
            with TestClient(app, base_url="http://127.0.0.1:9090", raise_server_exceptions=False) as client:
                return _figures(Writes(container, client), rounds)
        finally:
            server.stop()


def _figures(writes: Writes, rounds: int) -> dict[str, object]:
    calls = writes.calls
    before = {name: call(0) for name, call in calls.items()}
    full: dict[str, list[int]] = {name: [] for name in calls}
    after: dict[str, list[int]] = {name: [] for name in calls}
    for number in range(1, rounds + 1):
        ballast = _fill(writes.container.folder.root)
        for name, call in calls.items():
            full[name].append(call(number))
        ballast.unlink()
        for name, call in calls.items():
            after[name].append(call(number))
    return {
        "before": before,
        "full": full,
        "after": after,
        "other_than_507": sorted(name for name, statuses in full.items() if set(statuses) != {507}),
        "resumed": all(set(statuses) == {before[name]} for name, statuses in after.items()),
        "health": writes.client.get("/health").status_code,
    }


class Writes:
    """Every write, by its name; each returns a status, and without HTTP the status that its error would have."""

    def __init__(self, container: Container, client: TestClient) -> None:
        self.container = container
        self.client = client
        self._media = MediaCache(container.folder.media, 2**30)

    @property
    def calls(self) -> dict[str, Callable[[int], int]]:
        return {
            "click": self.click,
            "jobs": self.jobs,
            "webhook": self.webhook,
            "media": lambda number: _status(lambda: self._media.put(f"/data/{number}.mp4", [os.urandom(MEDIA_BYTES)])),
            "notes": lambda number: _status(
                lambda: self.container.key_values.write(f"attack/{number}", os.urandom(CHUNK))
            ),
            "masks": lambda _: _status(self._mask_run),
        }

    def click(self, number: int) -> int:
        region = keypoint(x=10.0 + number, region_id=f"k{number}")
        return self._post("/predict", predict_body(pages_task(7), regions=[region]))

    def jobs(self, number: int) -> int:
        prompt = {"frame": 1, "points": [[number / 10, 0.5, 1]]}
        body = {
            "project": 1,
            "task": 100 + number,
            "label_config": FRAMES,
            "data": pages_task()["data"],
            "prompts": {"objects": [{"id": "c", "label": "Cat", "prompts": [prompt]}]},
        }
        return self._post("/jobs", body)

    def webhook(self, number: int) -> int:
        body = {
            "action": "ANNOTATION_CREATED",
            "project": {"id": 50 + number},
            "task": {"id": 7},
            "annotation": {"id": 5, "task": 7},
        }
        return self._post("/webhook", body)

    def _post(self, path: str, body: object) -> int:
        return int(self.client.post(path, json=body).status_code)

    def _mask_run(self) -> None:
        video = VideoInfo(ContentHash("attack"), FrameSize(8, 8), 1, Fraction(25))
        with self.container.masks.writer(f"attack-{os.urandom(4).hex()}", video=video, labels={}) as writer:
            writer.commit()


def _status(write: Callable[[], object]) -> int:
    try:
        write()
    except MaskletError as error:
        return status_of(error)
    except OSError:
        return 500
    return 200


def _fill(folder: Path) -> Path:
    """Fills the disk to its last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (CHUNK, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


if __name__ == "__main__":
    print(json.dumps(attack(Path(sys.argv[1]), int(sys.argv[2]))))
