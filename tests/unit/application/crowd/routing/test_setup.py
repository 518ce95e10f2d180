"""A crowd's projects: made once, completed after a kill, refused where they cannot work."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from backend.adapters.labelstudio.config.project_configs import config_for, template_named
from backend.adapters.labelstudio.crowd.role_configs import crowd_config
from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.annotation.change_detection import EPOCH, poll_position_name
from backend.application.crowd.routing.setup import CrowdSetup
from backend.application.ports.crowd_ledger import CrowdRecord
from backend.application.ports.data_table import HiddenColumns, TableTab
from backend.application.ports.projects import ProjectRecord
from backend.application.projects.connect import Connector
from backend.application.projects.plan import ConnectionSettings
from backend.domain.crowd.routing import ORDER, Crowd, Role
from backend.domain.errors import InvalidInput, LabelConfigError
from tests.fakes.clock import FakeClock
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.projects import MemoryProjects, MemoryTable
from tests.fakes.stores import temporary_ledger

HERE = "http://127.0.0.1:9090"
SETTINGS = ConnectionSettings("http://127.0.0.1:8080", HERE, HERE, "masklet-demo-1")
WANTED = CrowdRecord(Crowd("cats", {}, 2), ORDER, template_named("player"))


class Killed(BaseException):
    """kill -9."""


@dataclass
class Options:
    people: dict[int, int] = field(default_factory=dict)
    worst_first: list[int] = field(default_factory=list)

    def set_people(self, project_id: int, people: int) -> None:
        self.people[project_id] = people

    def serve_worst_first(self, project_id: int, model_version: str) -> None:
        self.worst_first.append(project_id)


@dataclass
class Studio:
    projects: MemoryProjects = field(default_factory=MemoryProjects)
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.key_values = MemoryKeyValueStore()
        self.ledger: SqlLedger = temporary_ledger(FakeClock())
        table = MemoryTable(tabs={number: TableTab(1, "Default", HiddenColumns()) for number in range(1, 9)})
        connector = Connector(self.projects, table, config_for, SETTINGS)
        self.setup = CrowdSetup(self.ledger, self.projects, self.options, connector, crowd_config, self.key_values)


def test_the_projects_are_made_once() -> None:
    studio = Studio()
    made = studio.setup.init(WANTED)
    assert made.made == ORDER
    assert made.record.is_ready
    assert [project.title for project in studio.projects.known.values()] == [
        "cats: select",
        "cats: track",
        "cats: verify",
    ]
    assert (studio.options.people, studio.options.worst_first) == ({1: 1, 2: 1, 3: 2}, [2])
    assert len(studio.projects.backends_of) == 3
    assert [studio.key_values.read(poll_position_name(number)) for number in (1, 2, 3)] == 3 * [EPOCH.encode()]
    studio.projects.calls.clear()
    again = studio.setup.init(WANTED)
    assert (again.made, again.record, studio.projects.calls) == ((), made.record, [])


@pytest.mark.parametrize("call", ["create_project", "write_config", "connect_backend"])
def test_a_killed_run_is_completed_by_the_next_one(call: str) -> None:
    studio = Studio()
    method = getattr(studio.projects, call)

    def killed(*given: object) -> None:
        method(*given)
        raise Killed

    setattr(studio.projects, call, killed)
    with pytest.raises(Killed):
        studio.setup.init(WANTED)
    record = studio.ledger.crowd_record("cats")
    assert record is not None
    assert not record.is_ready
    setattr(studio.projects, call, method)
    made = studio.setup.init(WANTED)
    assert made.record.is_ready
    assert (len(studio.projects.known), len(studio.projects.backends_of)) == (3, 3)


def test_what_cannot_work_is_refused_before_anything_is_made() -> None:
    studio = Studio()
    for wanted, error, sentence in (
        (replace(WANTED, label_config="<View"), LabelConfigError, "label config"),
        (
            replace(WANTED, label_config="<View><Image name='i' value='$i'/></View>"),
            LabelConfigError,
            "no labels",
        ),
    ):
        with pytest.raises(error, match=sentence):
            studio.setup.init(wanted)
    studio.projects.known[7] = ProjectRecord(7, "cats: track", "<View/>")
    with pytest.raises(InvalidInput, match="the name 'cats' is taken: project 7"):
        studio.setup.init(WANTED)
    assert (studio.projects.calls, studio.ledger.crowd_records()) == ([], ())


def test_a_taken_name_and_a_gone_project_are_told() -> None:
    studio = Studio()
    studio.setup.init(WANTED)
    for other, sentence in (
        (replace(WANTED, crowd=Crowd("cats", {}, 3)), "that crowd has verifiers 2, not 3"),
        (replace(WANTED, roles=(Role.TRACK,)), "that crowd has roles select, track, verify, not track"),
        (replace(WANTED, label_config="<View></View>"), "that crowd has another label config"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            studio.setup.init(other)
    del studio.projects.known[2]
    with pytest.raises(InvalidInput, match="project 2, in which crowd 'cats' has its track tasks, is gone"):
        studio.setup.init(WANTED)
