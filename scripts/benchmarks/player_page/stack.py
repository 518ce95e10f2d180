"""The servers of the benchmark: a Label Studio of its own and Masklet's processes, with a project for each way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.tasks import TaskKey
from scripts.benchmarks.player_page.stored_run import StoredRun, store_run
from scripts.benchmarks.player_page.videos import write_loop
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip, prepare_demo_clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer, free_port

PAGES_CONFIG = Path(__file__).parents[3] / "label_config" / "frames.xml"
PLAYER_CONFIG = """<View>
  <HyperText name="player" inline="true"
    value="&lt;embed src='{url}/player?project={project}&amp;field=video&amp;value=$video' width='100%'
    height='720'&gt;"/>
  <Choices name="verdict" toName="player" choice="single"><Choice value="satisfactory"/><Choice value="redo"/></Choices>
  <View style="position:absolute;left:-10000px;width:320px;visibility:hidden">
    <Labels name="label" toName="video">{labels}</Labels>
    <Video name="video" value="$video" framerate="{rate}"/><VideoRectangle name="box" toName="video"/>
  </View>
</View>"""
MEDIA = "bench"
ENVIRONMENT = {"MASKLET_MODEL": "demo", "MASKLET_DEVICE": "cpu"}
LABEL_STUDIO_PORT, MASKLET_PORT = 20_700, 19_790


@dataclass(slots=True)
class Stack:
    """Both servers. clip: the demo's, of three objects."""

    label_studio: LabelStudioServer
    masklet: MaskletProcess
    api: LabelStudioApi
    clip: Clip
    model_version: str
    configs: dict[int, str] = field(default_factory=dict)

    def player_project(self, title: str, labels: tuple[str, ...], rate: int) -> int:
        """A project whose tasks show the player."""
        tags = "".join(f'<Label value="{label}"/>' for label in labels)

        def config(project: int) -> str:
            return PLAYER_CONFIG.format(url=self.masklet.url, project=project, labels=tags, rate=rate)

        project = self.api.ensure_project(title, config(0))
        self.configs[project] = config(project)
        self.api.change_project(project, label_config=self.configs[project])
        self._show_files(project)
        return project

    def pages_project(self) -> int:
        """A project of frames as pages, connected to Masklet."""
        project = self.api.ensure_project("Bench pages", PAGES_CONFIG.read_text(encoding="utf-8"))
        self._show_files(project)
        self.api.ensure_backend(project, self.masklet.url, self.model_version)
        return project

    def clip_task(self, project: int) -> TaskKey:
        """A task of the demo's clip."""
        return TaskKey(project, self.api.add_task(project, self.clip.addresses()))

    def disc_task(self, project: int, frames: int) -> TaskKey:
        """A task of a video of five discs; the video is made once a length."""
        return TaskKey(project, self.api.add_task(project, self._disc_data(frames)))

    def store_masks(self, task: TaskKey, frames: int) -> None:
        """Stores masks of all discs on every frame of a task of `disc_task`, as of the Label Studio's user."""
        user = self.label_studio.login.username
        data = self._disc_data(frames)
        stored = StoredRun(task, data, self.configs[task.project_id], self.model_version, user)
        store_run(self.masklet.data_dir, stored, self._disc_video(frames))

    def player_address(self, task: TaskKey) -> str:
        """The player alone in a tab."""
        return f"{self.masklet.url}/player?project={task.project_id}&task={task.task_id}"

    def task_address(self, task: TaskKey) -> str:
        """Label Studio's page of a task."""
        return self.api.task_address(task.project_id, task.task_id)

    def _show_files(self, project: int) -> None:
        self.api.ensure_local_files(project, self.clip.folder.parent)
        self.api.ensure_local_files(project, self._media)

    def _disc_data(self, frames: int) -> dict[str, object]:
        return {"video": f"/data/local-files/?d={MEDIA}/{self._disc_video(frames).name}"}

    def _disc_video(self, frames: int) -> Path:
        path = self._media / f"discs-{frames}.mp4"
        return path if path.exists() else write_loop(path, frames)

    @property
    def _media(self) -> Path:
        folder = self.label_studio.files / MEDIA
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@contextmanager
def running(folder: Path, template: Path | None) -> Iterator[Stack]:
    """Starts both servers on an empty folder. template: the folder of a Label Studio that was started before."""
    if template is not None:
        shutil.copytree(template, folder / "label-studio")
    label_studio = LabelStudioServer(folder / "label-studio", port=LABEL_STUDIO_PORT)
    masklet = MaskletProcess(folder / "masklet")
    os.environ.update(ENVIRONMENT | {"MASKLET_PORT": str(free_port(MASKLET_PORT))})
    with ExitStack() as stack:
        label_studio.launch()
        stack.callback(label_studio.stop)
        masklet.launch(label_studio_url=label_studio.url, token=label_studio.login.token)
        stack.callback(masklet.stop)
        label_studio.wait()
        model = masklet.wait()
        api = stack.enter_context(LabelStudioApi(label_studio.url, label_studio.login.token))
        yield Stack(label_studio, masklet, api, prepare_demo_clip(label_studio.files), model.version)
