"""The lead's page with the real Label Studio and Masklet: filter, select, send back, accept, process, export."""

from __future__ import annotations

import io
import zipfile

import pytest
from playwright.sync_api import Page, expect

from backend.adapters.store.masks.store import FileMaskStore
from backend.application.jobs.queries import newest_propagation
from backend.application.player.verdicts import run_verdicts
from backend.codecs.coco_rle import CocoCodec
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.training import TrainingProgress
from backend.domain.training.rows import TrainingRequest, TrainingState, UsedLabels, UsedVideo
from backend.domain.verdicts import Verdict
from backend.domain.video import FrameIndex
from scripts.demonstration.clip import LABELS
from scripts.label_studio.server import LabelStudioServer
from tests.browser.driving.builders import CONFIGS, Masklet, Projects, ProjectSetup, picture
from tests.browser.driving.player_page import player_project
from tests.fakes.trainings import result

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LABEL = LABELS[0]
PEOPLE = ("ann@example.org", "cem@example.org")


@pytest.fixture
def tab(label_studio_page: Page) -> Page:
    return label_studio_page


def prompted(masklet: Masklet, project: ProjectSetup, user: str) -> TaskKey:
    """A task with a person's click on an object, and no masks."""
    task = project.new_task()
    x_pct, y_pct = project.place(LABEL)
    click = FramePrompt(ObjectId(LABEL), FrameIndex(0), (PointPrompt(Point(x_pct / 100, y_pct / 100)),))
    masklet.ledger.record_prompts(task, PromptSet.of([click], {ObjectId(LABEL): LABEL}), user=user)
    return task


def select(page: Page, task: TaskKey) -> None:
    """By the keyboard."""
    page.locator(f"[data-task='{task.task_id}'] input[type=checkbox]").press("Space")


def counting(masklet: Masklet, task: TaskKey) -> str:
    """What counts of all verdicts for the masks of the task's propagation."""
    job = newest_propagation(masklet.ledger, task)
    assert job is not None
    masks = FileMaskStore(masklet.process.data_dir / "masks")
    return str(run_verdicts(masklet.ledger, masks, CocoCodec(), job).state(ObjectId(LABEL)))


def test_a_lead_processes_judges_and_exports(
    tab: Page, masklet: Masklet, projects: Projects, label_studio: LabelStudioServer
) -> None:
    project = player_project(projects, masklet, "Lead")
    good, bad = (prompted(masklet, project, user) for user in PEOPLE)
    untouched = project.new_task()
    cards = tab.locator(".card")
    tab.goto(f"{masklet.url}/lead?project={project.project_id}")
    expect(cards).to_have_count(3)
    first_frame = tab.locator(f"[data-task='{untouched.task_id}'] img")
    expect(first_frame).to_have_attribute("data-state", "shown")
    picture(tab, "lead_first_frames")
    tab.get_by_role("button", name="Process all 2").click()
    expect(tab.locator(".progress")).to_contain_text("2 of 2 propagations done")
    tab.get_by_role("button", name="done 2").click()
    expect(cards).to_have_count(2)
    for task in (good, bad):
        image = tab.locator(f"[data-task='{task.task_id}'] img")
        expect(image).to_have_attribute("data-state", "shown")
        assert image.evaluate("image => image.naturalWidth") == 240

    select(tab, bad)
    tab.keyboard.press("r")
    tab.get_by_label("What is to be done").fill("the tail is missing")
    tab.get_by_role("button", name="Send back", exact=True).click()
    expect(tab.locator(".messages")).to_contain_text("1 task sent back.")
    select(tab, good)
    tab.keyboard.press("a")
    expect(tab.locator(".messages")).to_contain_text("1 task accepted.")
    for name, scheme, width in (("light", "light", 1400), ("dark", "dark", 1400), ("narrow", "light", 390)):
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        tab.set_viewport_size({"width": width, "height": 900})
        picture(tab, f"lead_{name}")
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= width
    tab.set_viewport_size({"width": 1400, "height": 900})

    tab.get_by_role("button", name="sent back 1").click()
    expect(cards).to_have_count(1)
    tab.reload()  # the address has the filter
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("sent back: the tail is missing")
    lead = label_studio.login.username
    given = {task: masklet.ledger.verdicts(task, user=lead) for task in (good, bad, untouched)}
    assert [(each.verdict, each.comment) for each in given[bad]] == [(Verdict.REDO, "the tail is missing")]
    assert [each.verdict for each in given[good]] == [Verdict.SATISFACTORY]
    assert given[untouched] == ()
    assert [counting(masklet, task) for task in (good, bad)] == ["satisfactory", "redo"], "as exports see it"

    tab.get_by_role("button", name="Clear the filter").click()
    expect(cards).to_have_count(3)
    tab.keyboard.press("Control+a")
    expect(tab.locator(".bar")).to_contain_text("3 selected")
    tab.keyboard.press("e")
    tab.locator("dialog select[name=labels]").select_option("predictions")
    tab.get_by_role("button", name="Export", exact=True).click()
    download = tab.get_by_role("link", name="Download")
    expect(download).to_be_visible()
    packed = tab.request.get(f"{masklet.url}{download.get_attribute('href')}").body()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert "manifest.json" in archive.namelist()
        manifest = archive.read("manifest.json").decode()
    assert f'"{good.task_id}"' in manifest


def test_label_studios_button_trains_and_the_page_tells(tab: Page, masklet: Masklet, projects: Projects) -> None:
    """Through the real queue and a train worker that `masklet up` starts: without labels it fails, with the reason."""
    project = projects("Training", (CONFIGS / "frames.xml").read_text())
    project.new_task()
    project.api.train(project.backend_id)
    (training,) = masklet.ledger.trainings(project_id=project.project_id)
    assert training.request.user == "Label Studio's button"
    tab.goto(f"{masklet.url}/lead?project={project.project_id}&view=training")
    row = tab.locator(f"[data-training='{training.name}']")
    expect(row).to_contain_text("there is nothing to learn from")
    expect(tab.get_by_role("button", name="Start training")).to_be_enabled()
    ended, labels = f"t-{'5' * 40}", UsedLabels((UsedVideo(41, "cat.mp4", 30, 12, (PEOPLE[0],), (PEOPLE[1],)),))
    masklet.ledger.open_training(ended, TrainingRequest(project.project_id))
    masklet.ledger.begin_training(ended, 1, "w")
    masklet.ledger.describe_training(ended, 1, base="demo", labels=labels)
    masklet.ledger.record_training_heartbeat(ended, 1, TrainingProgress("trains", 0.4, {"loss": 0.25}))
    tab.reload()
    expect(tab.locator("progress")).to_have_attribute("value", "0.4")
    tab.get_by_role("button", name="Cancel p").click()
    expect(tab.locator(".messages")).to_contain_text("The training ends at its next step.")
    picture(tab, "lead_training_runs")
    masklet.ledger.end_training(ended, 1, TrainingState.DONE, result=result(checkpoint=""), note="")
    expect(tab.locator(".exports")).to_contain_text("J&F 0.61 → 0.72 (gain +0.110, 95 % +0.040 to +0.180)")
    picture(tab, "lead_training")
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 1400
