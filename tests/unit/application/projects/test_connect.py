"""Connecting projects: what is planned, what is changed, and what stays when something is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.adapters.labelstudio.config.project_configs import config_for
from backend.application.annotation.change_detection import ADOPTED_ACTIONS
from backend.application.ports.data_table import Column, HiddenColumns, TableTab
from backend.application.ports.projects import BackendRecord, ProjectRecord, WebhookRecord
from backend.application.projects.connect import Connector
from backend.application.projects.plan import ConfigChoice, ConnectionSettings
from backend.domain.errors import InvalidInput, LabelConfigError, LabelStudioRefused, NotFound
from tests.fakes.projects import MemoryProjects, MemoryTable

VERSION = "masklet-demo-1"
HERE = "http://127.0.0.1:9090"
SETTINGS = ConnectionSettings("http://127.0.0.1:8080", HERE, HERE, VERSION)
PLAYER, KEEP = ConfigChoice.PLAYER, ConfigChoice.KEEP
READABLE = TableTab(1, "Default", HiddenColumns())
VIDEO = """<View><Labels name="l" toName="v"><Label value="Cat"/></Labels><Video name="v" value="$video"/>
<VideoRectangle name="r" toName="v"/></View>"""


def connector(
    projects: MemoryProjects, settings: ConnectionSettings = SETTINGS, table: MemoryTable | None = None
) -> Connector:
    return Connector(projects, table or MemoryTable(tabs={7: READABLE}), config_for, settings)


def one_project(label_config: str = VIDEO, **fields: object) -> MemoryProjects:
    return MemoryProjects({7: ProjectRecord(7, "Cats", label_config, **fields)})  # type: ignore[arg-type]


def backend(url: str = HERE, title: str = VERSION, **fields: object) -> BackendRecord:
    whole = BackendRecord(3, url, title, is_connected=True, is_interactive=True, problem="", model_version=VERSION)
    return replace(whole, **fields)  # type: ignore[arg-type]


def test_a_plan_changes_nothing_and_a_connected_project_stays_as_it_is() -> None:
    projects = one_project()
    work = connector(projects, table=MemoryTable())
    plan = work.plan(7, PLAYER)
    assert (plan.changes_nothing, projects.calls) == (False, [])
    assert list(plan.sentences()) == [
        f"ML backend: connects {HERE}, for interactive preannotations",
        f"webhook: tells {HERE}/webhook of submitted annotations",
        f"predictions: the task page shows those of '{VERSION}'",
        "data table: the first tab shows the score of predictions",
    ]
    assert work.apply(plan) == ()
    assert projects.known[7].model_version == VERSION
    (webhook,) = projects.webhooks_of[7]
    assert webhook.actions == frozenset(ADOPTED_ACTIONS)
    assert f"{HERE}/player?project=7" in projects.known[7].label_config
    projects.calls.clear()
    assert work.plan(7, PLAYER).changes_nothing
    assert projects.calls == []


def test_the_column_of_the_video_that_a_new_label_config_brings_is_hidden() -> None:
    projects, table = MemoryProjects(), MemoryTable()
    write = projects.write_config

    def with_its_column(project_id: int, label_config: str) -> None:
        write(project_id, label_config)
        video = Column("tasks:data.video", "Video", "video", in_table=True, beside_task=True)
        table.columns_of[project_id] = [video]

    projects.write_config = with_its_column  # type: ignore[method-assign]
    plan, _ = connector(projects, table=table).create("Cats", PLAYER)
    hidden = table.tabs[plan.project.project_id].hidden
    assert hidden == HiddenColumns(("tasks:data.video",), ("tasks:data.video",))


def test_an_unknown_project_says_where_the_number_is() -> None:
    with pytest.raises(NotFound, match=r"shows no project 8 to the token's user.*/projects/NUMBER"):
        connector(one_project()).plan(8, PLAYER)


def test_a_config_that_label_studio_refuses_changes_nothing() -> None:
    projects = one_project()
    projects.refused_config = "Created annotations are incompatible with provided labeling schema"
    with pytest.raises(LabelStudioRefused, match=r"nothing was changed.*incompatible.*--config keep"):
        connector(projects).plan(7, PLAYER)
    assert projects.calls == []


def test_a_backend_that_label_studio_refuses_changes_nothing() -> None:
    projects = one_project()
    projects.refused_backend = "URL resolves to a reserved network address; start Label Studio with ML_BLOCK_LOCAL_IP"
    work = connector(projects)
    with pytest.raises(LabelStudioRefused, match="ML_BLOCK_LOCAL_IP"):
        work.apply(work.plan(7, PLAYER))
    assert projects.calls == []


def test_a_title_that_label_studio_took_for_the_model_version_is_repaired() -> None:
    projects = one_project(model_version="SAM")
    projects.backends_of[7] = [backend(title="SAM")]
    work = connector(projects)
    plan = work.plan(7, KEEP)
    assert next(plan.sentences()) == f"ML backend: title '{VERSION}', not 'SAM'"
    assert f"shows those of '{VERSION}', not of 'SAM', the backend's title until now" in list(plan.sentences())[-1]
    work.apply(plan)
    assert (projects.known[7].model_version, projects.backends_of[7][0].title) == (VERSION, VERSION)
    assert work.plan(7, KEEP).changes_nothing


@pytest.mark.parametrize(
    ("model_version", "shows"), [("masklet-demo-0", True), ("imported by hand", True), ("", False)]
)
def test_a_version_that_a_person_chose_stays(model_version: str, shows: bool) -> None:
    projects = one_project(model_version=model_version, shows_predictions=shows)
    projects.backends_of[7] = [backend()]
    assert connector(projects).plan(7, KEEP).model_version is None


def test_a_new_model_is_shown_in_place_of_the_earlier_one() -> None:
    projects = one_project(model_version="masklet-demo-0")
    projects.backends_of[7] = [backend(title="masklet-demo-0")]
    work = connector(projects)
    work.apply(work.plan(7, KEEP))
    assert projects.known[7].model_version == VERSION


def test_a_backend_that_moved_is_moved_with_its_webhook() -> None:
    projects = one_project(model_version=VERSION)
    projects.backends_of[7] = [backend("http://old:9090", is_connected=False)]
    projects.webhooks_of[7] = [WebhookRecord(4, "http://old:9090/webhook", True, True, frozenset(ADOPTED_ACTIONS), {})]
    work = connector(projects)
    work.apply(work.plan(7, KEEP))
    assert [b.url for b in projects.backends_of[7]] == [HERE]
    assert [w.url for w in projects.webhooks_of[7]] == [f"{HERE}/webhook"]


def test_a_working_address_stays_unless_a_person_gives_another() -> None:
    projects = one_project(model_version=VERSION)
    projects.backends_of[7] = [backend("http://masklet:9090")]
    assert connector(projects).plan(7, KEEP).backend is None
    plan = connector(projects, replace(SETTINGS, is_url_given=True)).plan(7, KEEP)
    assert plan.backend is not None
    assert plan.backend.order.url == HERE


def test_other_backends_and_webhooks_are_left_alone() -> None:
    projects = one_project(model_version="YOLO")
    other = backend("http://other:9000", "YOLO", model_version="yolo-1")
    projects.backends_of[7] = [other]
    projects.webhooks_of[7] = [WebhookRecord(4, "http://elsewhere/hook", True, True, frozenset(), {})]
    work = connector(projects)
    plan = work.plan(7, KEEP)
    assert plan.notes == ("the project also has the ML backend 'YOLO' at http://other:9000",)
    work.apply(plan)
    assert projects.backends_of[7][0] == other
    assert projects.known[7].model_version == "YOLO"
    assert projects.webhooks_of[7][0].url == "http://elsewhere/hook"


def test_a_password_is_sent_and_a_webhook_needs_its_secret() -> None:
    projects = one_project()
    settings = replace(SETTINGS, user="ann", password="open sesame")
    work = connector(projects, settings)
    plan = work.plan(7, KEEP)
    assert plan.webhook is None
    assert "MASKLET_WEBHOOK_SECRET" in plan.notes[0]
    shown = " ".join((*plan.sentences(), *plan.notes, repr(plan), repr(settings)))
    assert "open sesame" not in shown
    work.apply(plan)
    assert projects.backends_of[7][0].user == "ann"
    work = connector(projects, replace(settings, webhook_secret="hush"))
    work.apply(work.plan(7, KEEP))
    assert projects.webhooks_of[7][0].headers == {"X-Masklet-Secret": "hush"}


def test_a_refused_webhook_is_a_note_because_masklet_polls() -> None:
    projects = one_project()
    projects.refused_webhook = "URL resolves to a reserved network address"
    work = connector(projects)
    (note,) = work.apply(work.plan(7, PLAYER))
    assert note.startswith("Masklet polls for submitted annotations, because the webhook was refused: URL resolves")


def test_what_keeps_the_player_from_working_in_the_page_is_noted() -> None:
    settings = replace(SETTINGS, label_studio_url="https://studio.example.org", public_url="http://masklet.example.org")
    login, scheme = connector(one_project(), settings).plan(7, PLAYER).notes
    assert "one host name: set MASKLET_PUBLIC_URL" in login
    assert "https address of Masklet" in scheme
    assert connector(one_project(), settings).plan(7, KEEP).notes == ()


def test_a_made_project_is_connected() -> None:
    projects = MemoryProjects()
    plan, notes = connector(projects).create("New", PLAYER)
    assert (plan.project.project_id, notes) == (1, ())
    assert "player?project=1&amp;" in projects.known[1].label_config
    with pytest.raises(InvalidInput, match=r"project 1 has the title 'New': connect it with masklet connect 1"):
        connector(projects).create("New", PLAYER)


def test_a_project_that_cannot_be_connected_is_not_left_behind() -> None:
    projects = MemoryProjects(refused_backend="no")
    with pytest.raises(LabelStudioRefused):
        connector(projects).create("New", PLAYER)
    with pytest.raises(LabelConfigError):
        connector(projects).create("New", KEEP)
    assert projects.known == {}
