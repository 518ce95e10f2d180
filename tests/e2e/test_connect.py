"""`masklet connect`, `project create`, `import` and `doctor` with the real Label Studio and Masklet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.application.projects.plan import ConfigChoice
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.demonstration.projects import connector_of
from scripts.label_studio import environment
from scripts.label_studio.api import Json, LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.conftest import PORT
from tests.e2e.conftest import ENVIRONMENT
from tests.fakes.commands import masklet as run_masklet

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

OWN = """<View>
  <!-- the labels of the lead -->
  <Labels name="kind" toName="clip"><Label value="Cell" background="#112233"/></Labels>
  <Video name="clip" value="$video"/>
  <VideoRectangle name="rect" toName="clip"/>
</View>"""


@pytest.fixture
def api(label_studio: LabelStudioServer) -> Iterator[LabelStudioApi]:
    with LabelStudioApi(label_studio.url, label_studio.login.token) as opened:
        yield opened


class Command:
    """Runs `masklet` with the servers' settings, without a terminal."""

    def __init__(self, label_studio: LabelStudioServer, masklet: MaskletProcess) -> None:
        self._environment = {
            **os.environ,
            **ENVIRONMENT,
            "MASKLET_DATA_DIR": str(masklet.data_dir),
            "LABEL_STUDIO_URL": label_studio.url,
            "LABEL_STUDIO_API_KEY": label_studio.login.token,
        }

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output, standard error last."""
        done = run_masklet(*arguments, environment=self._environment)
        return done.code, done.stdout + done.stderr


@pytest.fixture
def command(label_studio: LabelStudioServer, masklet: MaskletProcess) -> Command:
    return Command(label_studio, masklet)


def test_a_project_with_labels_of_its_own_is_connected_once(
    label_studio: LabelStudioServer, masklet: MaskletProcess, api: LabelStudioApi, command: Command
) -> None:
    project = api.ensure_project("Own labels, connected once", OWN)
    api.change_project(project, maximum_annotations=2)
    with connector_of(label_studio, masklet) as connector:
        projects, version = connector.projects, connector.settings.model_version
        code, shown = command("connect", str(project))
        assert (code, "--yes makes these changes" in shown) == (2, True)
        assert (projects.project(project).label_config, projects.backends(project)) == (OWN, ())

        code, shown = command("connect", str(project), "--yes")
        assert code == 0, shown
        after = projects.project(project)
        assert set(OWN.splitlines()) <= set(after.label_config.splitlines())
        assert f"{masklet.url}/player?project={project}&amp;field=video&amp;value=$video" in after.label_config
        assert after.model_version == version
        (backend,) = projects.backends(project)
        assert (backend.url, backend.is_connected, backend.is_interactive) == (masklet.url, True, True)
        (webhook,) = projects.webhooks(project)
        assert (webhook.url, webhook.is_active) == (f"{masklet.url}/webhook", True)

        assert command("connect", str(project)) == (0, f"Project {project} is connected; nothing changes.\n")


def test_a_title_that_became_the_model_version_is_found_and_repaired(
    label_studio: LabelStudioServer, masklet: MaskletProcess, api: LabelStudioApi, command: Command
) -> None:
    project = api.ensure_project("Connected by hand", OWN)
    api._call("POST", "/api/ml", json={"project": project, "url": masklet.url, "title": "My SAM"})
    with connector_of(label_studio, masklet) as connector:
        assert connector.projects.project(project).model_version == "My SAM"
        _, told = command("doctor", "--url", masklet.url)
        assert f"project {project}: the task page shows the predictions of 'My SAM', a backend's title" in told
        assert command("connect", str(project), "--config", "keep", "--yes")[0] == 0
        assert connector.projects.project(project).model_version == connector.settings.model_version
        assert connector.projects.project(project).label_config == OWN


def test_annotations_that_conflict_with_any_new_config_leave_the_project_as_it_is(
    label_studio: LabelStudioServer, masklet: MaskletProcess, api: LabelStudioApi, command: Command
) -> None:
    project = api.ensure_project("Old annotations", OWN)
    task = api.add_task(project, {"video": "/data/upload/a.mp4"})
    region = {"type": "choices", "from_name": "gone", "to_name": "clip", "value": {"choices": ["a"]}}
    api.add_annotation(task, [region])
    code, told = command("connect", str(project), "--yes")
    assert code == 1
    assert "nothing was changed, because Label Studio refuses the new label config" in told
    assert "incompatible" in told
    assert "from_name=gone" in told
    with connector_of(label_studio, masklet) as connector:
        assert connector.projects.project(project).label_config == OWN
        assert connector.projects.backends(project) == ()


def test_an_address_that_label_studio_cannot_reach_leaves_no_project_behind(
    label_studio: LabelStudioServer, masklet: MaskletProcess, command: Command
) -> None:
    code, told = command("project", "create", "Refused", "--config", "player", "--url", "http://127.0.0.1:9")
    assert (code, "does not take Masklet at http://127.0.0.1:9: " in told, "--url" in told) == (1, True, True), told
    with connector_of(label_studio, masklet) as connector:
        assert connector.projects.project_titled("Refused") is None
        code, told = command("project", "create", "Refused", "--config", "player")
        assert code == 0, told
        number = connector.projects.project_titled("Refused")
        assert told.endswith(f"Project {number} is connected: {label_studio.url}/projects/{number}/data\n")


def test_label_studios_default_refusal_of_this_machine_names_its_setting(
    label_studio_template: Path, masklet: MaskletProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "accept_loopback", dict)
    shutil.copytree(label_studio_template, tmp_path / "data")
    with (
        LabelStudioServer(tmp_path / "data", port=PORT + 50) as careful,
        LabelStudioApi(careful.url, careful.login.token) as api,
    ):
        project = api.ensure_project("Careful", OWN)
        code, told = Command(careful, masklet)("connect", str(project), "--yes")
        assert (code, "nothing was changed" in told, "ML_BLOCK_LOCAL_IP=false" in told) == (1, True, True), told
        with connector_of(careful, masklet) as connector:
            assert connector.projects.project(project).label_config == OWN
            assert connector.projects.backends(project) == ()


def test_doctor_leaves_no_project_behind(
    label_studio: LabelStudioServer, masklet: MaskletProcess, api: LabelStudioApi, command: Command
) -> None:
    left_by_a_kill = api.ensure_project("Masklet doctor (removed at once)", OWN)
    api._call("POST", "/api/ml", json={"project": left_by_a_kill, "url": masklet.url, "title": "trial"})
    for _ in range(2):
        code, told = command("doctor", "--url", masklet.url)
        assert (code, "not in Label Studio any more" in told) == (0, False), told
        assert f"accepts a backend at {masklet.url}" in told
        assert f"project {left_by_a_kill}:" not in told
    with connector_of(label_studio, masklet) as connector:
        assert connector.projects.project_titled("Masklet doctor (removed at once)") is None


def tab_of(api: LabelStudioApi, project: int) -> Json:
    (tab,) = api._call("GET", "/api/dm/views/", params={"project": project})
    return dict(tab["data"])


def test_a_table_that_a_person_set_hides_technical_columns_and_stays_else_as_it_is(
    api: LabelStudioApi, command: Command
) -> None:
    project = api.ensure_project("A table with filters", OWN)
    data = {"video": "/data/upload/a.mp4", "clip": "a", "fps": 24, "masklet": {"key": "0a"}, "litter": "7"}
    api.add_task(project, data)
    filters = {
        "conjunction": "or",
        "items": [{"filter": "filter:tasks:data.litter", "operator": "equal", "type": "String", "value": "7"}],
    }
    order = ["-tasks:id"]
    hidden = {"explore": ["tasks:data.litter", "tasks:created_at"], "labeling": ["tasks:id"]}
    mine = {"title": "Litter 7", "columnsWidth": {"tasks:id": 77}, "hiddenColumns": hidden}
    sent = {**mine, "filters": filters, "ordering": order}
    api._call("POST", "/api/dm/views/", json={"project": project, "data": sent})

    _, shown = command("connect", str(project), "--config", "keep")
    assert "data table: the tab 'Litter 7' hides video, fps, masklet" in shown
    assert tab_of(api, project)["hiddenColumns"] == hidden
    assert command("connect", str(project), "--config", "keep", "--yes")[0] == 0
    after = tab_of(api, project)
    more = ["tasks:data.fps", "tasks:data.masklet", "tasks:data.video"]
    assert after["hiddenColumns"] == {name: [*names, *more] for name, names in hidden.items()}
    assert {name: after[name] for name in ("title", "columnsWidth", "filters", "ordering")} == {
        **{name: mine[name] for name in ("title", "columnsWidth")},
        "filters": filters,
        "ordering": order,
    }
    assert "nothing changes" in command("connect", str(project), "--config", "keep")[1]


def test_the_table_of_a_new_project_is_readable_before_and_after_an_import(
    label_studio: LabelStudioServer, masklet: MaskletProcess, api: LabelStudioApi, command: Command, clip: Clip
) -> None:
    assert command("project", "create", "Readable", "--config", "player")[0] == 0
    with connector_of(label_studio, masklet) as connector:
        project = connector.projects.project_titled("Readable")
        assert project is not None
        code, told = command("import", str(clip.video), "--project", str(project), "--no-start")
        assert code == 0, told
        assert connector.plan(project, ConfigChoice.KEEP).table is None
    hidden = tab_of(api, project)["hiddenColumns"]
    fields = set(api.task_data(api.tasks(project)[0]))
    shown = {name for name in fields if f"tasks:data.{name}" not in hidden["explore"]}
    assert (fields - shown, shown) == ({"video", "fps", "masklet"}, {"clip"})
    assert "tasks:data.clip" not in hidden["labeling"]
    assert {"tasks:annotators", "tasks:predictions_score", "tasks:total_predictions"}.isdisjoint(hidden["explore"])
    assert "tasks:predictions_results" in hidden["explore"]
    before = api.task_data(api.tasks(project)[0])["video"]
    code, told = command("renew", str(project), "--expire", "400")
    assert (code, f"project {project}: 1 addresses in 1 tasks renewed" in told) == (0, True), told
    assert api.task_data(api.tasks(project)[0])["video"] != before
