"""Renewed addresses: Masklet's own, wherever they stand in a task's data."""

from __future__ import annotations

from collections.abc import Mapping

from backend.adapters.media.serving.addresses import Signer
from backend.application.imports.renewal import Renewed, renew_addresses

SIGNER, OTHER = Signer(b"key"), Signer(b"another key")
LATER_S = 2_000_000_000


class Tasks:
    def __init__(self, tasks: dict[int, Mapping[str, object]]) -> None:
        self.tasks = tasks

    def all(self, project_id: int) -> Mapping[int, Mapping[str, object]]:
        return dict(self.tasks)

    def replace_data(self, task_id: int, data: Mapping[str, object]) -> None:
        self.tasks[task_id] = data


def address(leaf: str, until_s: int, *, signer: Signer = SIGNER) -> str:
    return f"https://masklet.example/base{signer.path('m1', leaf, until_s=until_s)}"


def test_own_addresses_get_a_later_end_and_nothing_else_changes() -> None:
    strange = address("000001.jpg", 1, signer=OTHER)
    kept: dict[str, object] = {"image": "/data/upload/1/a.png", "strange": strange, "n": 3, "none": None}
    tasks = Tasks(
        {
            7: {"frames": [address("000001.jpg", 1), address("000002.jpg", 0)], "nested": {"v": strange}, "fps": 25.0},
            8: kept,
            9: {"video": address("video.mp4", LATER_S)},
            10: {"object_picture": f"![the object]({address('object.svg', 1)})"},
        }
    )
    renewed = renew_addresses(tasks, 1, lambda text: SIGNER.renewed(text, until_s=LATER_S))
    assert renewed == Renewed(tasks=2, addresses=3)
    assert tasks.tasks[7] == {
        "frames": [address("000001.jpg", LATER_S), address("000002.jpg", LATER_S)],
        "nested": {"v": strange},
        "fps": 25.0,
    }
    assert tasks.tasks[8] is kept
    assert tasks.tasks[10] == {"object_picture": f"![the object]({address('object.svg', LATER_S)})"}
    assert renew_addresses(tasks, 1, lambda text: SIGNER.renewed(text, until_s=LATER_S)) == Renewed(0, 0)
