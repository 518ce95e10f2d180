"""Measures the lead's page with 1,000 videos and 50 people: the API's first answer, and the page in real Chromium.

    ./scripts/bench lead [--json FILE] [--tasks N] [--people N] [--opens N]

Label Studio is a real one with these tasks. MASKLET_TEST_LABEL_STUDIO may name a folder with its database, which is
made otherwise. The ledger is written directly. Figures named `written` are of a project in which something is written
right before: its rows are read anew. The web process is the real one, with the queue's server and without
workers. The thumbnails of the first page are in their cache. Times end when the cards are laid out and painted. `cpu`
figures are processor time, of the web process and of the page's main thread: other work on the machine lengthens them
little. Times decide nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

import httpx
from playwright.sync_api import Browser

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.queue.child_process import tied_to_parent
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.bootstrap.container import DataFolder
from backend.codecs.proc_stat import cpu_seconds
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, Verdict
from scripts.benchmarks.lead_ledger import PROJECT, write_ledger, write_thumbnails
from scripts.benchmarks.percentiles import percentile
from scripts.benchmarks.player_page.tab import Json, chromium
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import REPOSITORY, LabelStudioServer, free_port

CARDS = 60
ASKED = 20
START_S = 120.0
PATIENCE_MS = 120_000
FIRST_PORT = 19_890
TABLES = ("tasks", "labels", "people")
TEMPLATE = "MASKLET_TEST_LABEL_STUDIO"
CHANGE = {"X-Masklet-Player": "1"}
"""A header of the calls that change something."""

PROBE = f"""() => {{
  const seen = {{}};
  window.lead_probe = seen;
  const look = () => {{
    const cards = document.querySelectorAll('.card').length;
    if (cards >= {CARDS} && !seen.grid_ms) seen.grid_ms = performance.now();
    const images = [...document.querySelectorAll('.card img')].filter((each) => {{
      const box = each.getBoundingClientRect();
      return box.bottom > 0 && box.top < innerHeight;
    }});
    const isShown = (each) => each.dataset.state === 'missing' || (each.dataset.state === 'shown' && each.complete);
    if (seen.grid_ms && images.length && images.every(isShown)) seen.thumbnails_ms = performance.now();
    else requestAnimationFrame(look);
  }};
  requestAnimationFrame(look);
}}"""
"""Notes when the cards and the thumbnails in sight are there, in milliseconds since the navigation began."""


@dataclass(frozen=True, slots=True)
class Server:
    """A web process. token: of Label Studio, with which a lead signs in."""

    url: str
    pid: int
    token: str

    @property
    def cpu_ms(self) -> float:
        """The processor time that it has used."""
        return cpu_seconds(self.pid) * 1000


@contextmanager
def label_studio(folder: Path, tasks: int) -> Iterator[LabelStudioServer]:
    """A Label Studio whose first project has so many tasks, with the numbers from 1 on."""
    template = os.environ.get(TEMPLATE)
    if template:
        shutil.copytree(template, folder)
    with LabelStudioServer(folder) as server, LabelStudioApi(server.url, server.login.token) as api:
        config = (REPOSITORY / "label_config" / "player.xml").read_text(encoding="utf-8")
        project = api.ensure_project("Videos", config)
        api.import_tasks(project, [{"video": f"/data/upload/{number}.mp4"} for number in range(1, tasks + 1)])
        if project != PROJECT or sorted(api.tasks(project)) != list(range(1, tasks + 1)):
            raise SystemExit(f"{template}: Label Studio's database has projects or tasks; name an unused one")
        yield server


@contextmanager
def serving(data_dir: Path, label_studio: LabelStudioServer) -> Iterator[Server]:
    """A web process on this data folder."""
    port = free_port(FIRST_PORT)
    queue = EmbeddedValkey(data_dir)
    queue.start()
    login = label_studio.login
    environment = {
        **os.environ,
        "MASKLET_DATA_DIR": str(data_dir),
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": login.token,
        "MASKLET_LEADS": login.username,
        "DATABASE_URL": "",
    }
    command = [sys.executable, "-P", "-m", "backend.interfaces.cli", "serve", "--port", str(port)]
    try:
        queue.wait_ready()
        with Popen(tied_to_parent(command), env=environment, stdout=DEVNULL, stderr=DEVNULL) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                _wait_for(url, process)
                yield Server(url, process.pid, login.token)
            finally:
                process.terminate()
    finally:
        queue.stop()


def _wait_for(url: str, process: Popen[bytes]) -> None:
    give_up_s = time.monotonic() + START_S
    while time.monotonic() < give_up_s and process.poll() is None:
        try:
            httpx.get(f"{url}/health", trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the web process did not start")


def first_figures(server: Server) -> Json:
    """The first page that a web process is asked for: meanwhile it computes agreement and trust of all people."""
    with chromium() as browser, signed_in(server) as client:
        figures: Json = {"page_first_grid_ms": round(_open(browser, server)["grid_ms"])}
        figures["api_listed_ms"] = round(_spent_ms(client, lambda answer: bool(answer["is_listed"])))
        figures["quality_ms"] = round(_spent_ms(client, lambda answer: not answer["is_measuring"]))
    return figures


@contextmanager
def signed_in(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server.url}/api/lead", trust_env=False, timeout=60) as client:
        client.post("/session", json={"token": server.token}, headers=CHANGE).raise_for_status()
        yield client


def api_figures(server: Server) -> Json:
    """The first answer after the figures of people are there, and later ones."""
    figures: Json = {}
    with signed_in(server) as client:
        for table in TABLES:
            query = {"page_size": CARDS} if table == "tasks" else {}
            before_ms = server.cpu_ms
            spent_ms = [_asked_ms(client, f"/projects/{PROJECT}/{table}", query) for _ in range(ASKED)]
            figures |= {
                f"api_{table}_first_ms": round(spent_ms[0]),
                f"api_{table}_p50_ms": round(statistics.median(spent_ms[1:])),
                f"api_{table}_p95_ms": round(percentile(spent_ms[1:], 0.95)),
                f"api_{table}_cpu_ms": round((server.cpu_ms - before_ms) / ASKED),
            }
    return figures


def _spent_ms(client: httpx.Client, is_so: Callable[[Mapping[str, object]], bool]) -> float:
    """How long it takes until the list's answer is so."""
    began_s = time.monotonic()
    while not is_so(_answer(client, f"/projects/{PROJECT}/tasks", {"page_size": 1})):
        time.sleep(0.25)
    return (time.monotonic() - began_s) * 1000


def _answer(client: httpx.Client, path: str, query: Json) -> Mapping[str, object]:
    found: Mapping[str, object] = client.get(path, params=query).raise_for_status().json()
    return found


def _asked_ms(client: httpx.Client, path: str, query: Json) -> float:
    began_s = time.monotonic()
    client.get(path, params=query).raise_for_status()
    return (time.monotonic() - began_s) * 1000


def written_figures(server: Server, data_dir: Path, opens: int) -> Json:
    """The list and the page, each right after a verdict in the project."""
    with closing(open_ledger(DataFolder(data_dir).ledger_url, SystemClock())) as ledger, signed_in(server) as client:

        def write() -> None:
            given = GivenVerdict(None, Verdict.SATISFACTORY, "", "digest")
            ledger.set_verdict(TaskKey(PROJECT, 1), given, user="lead@example.org")

        before_ms = server.cpu_ms
        for _ in range(ASKED):
            write()
            _asked_ms(client, f"/projects/{PROJECT}/tasks", {"page_size": CARDS})
        figures: Json = {"api_tasks_written_cpu_ms": round((server.cpu_ms - before_ms) / ASKED)}
        grid = "page_grid_p50_ms"
        return figures | {"page_written_grid_p50_ms": page_figures(server, opens, before=write)[grid]}


def page_figures(server: Server, opens: int, *, before: Callable[[], None] = lambda: None) -> Json:
    """The page in new profiles, so without the browser's cache. before: each opening."""
    before_ms = server.cpu_ms
    seen = []
    with chromium() as browser:
        for _ in range(opens):
            before()
            seen.append(_open(browser, server))
    figures: Json = {
        "page_server_cpu_ms": round((server.cpu_ms - before_ms) / opens),
        "page_browser_cpu_ms": round(statistics.median(each["cpu_ms"] for each in seen)),
    }
    for name in ("grid_ms", "thumbnails_ms"):
        spent_ms = [each[name] for each in seen]
        figures |= {
            f"page_{name.removesuffix('_ms')}_p50_ms": round(statistics.median(spent_ms)),
            f"page_{name.removesuffix('_ms')}_max_ms": round(max(spent_ms)),
        }
    return figures


def _open(browser: Browser, server: Server) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    signed_in = context.request.post(f"{server.url}/api/lead/session", data={"token": server.token}, headers=CHANGE)
    assert signed_in.ok, signed_in.text()
    context.add_init_script(f"({PROBE})()")
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"{server.url}/lead?project={PROJECT}")
    page.wait_for_function("() => window.lead_probe.thumbnails_ms", timeout=PATIENCE_MS)
    seen: dict[str, float] = page.evaluate("() => window.lead_probe")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    seen["cpu_ms"] = metrics["TaskDuration"] * 1000
    context.close()
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench lead", description="The lead's page with many videos and people.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--opens", type=int, default=5, help="how often the page is opened")
    options = parser.parse_args(arguments)
    figures: Json = {"tasks": options.tasks, "people": options.people}
    with tempfile.TemporaryDirectory(prefix="masklet-bench-") as folder:
        data_dir = Path(folder) / "masklet"
        data_dir.mkdir(mode=0o700)
        with closing(write_ledger(data_dir, tasks=options.tasks, people=options.people)) as ledger:
            write_thumbnails(data_dir, ledger, CARDS)
        print("the ledger is written", file=sys.stderr)
        with (
            label_studio(Path(folder) / "label-studio", options.tasks) as studio,
            serving(data_dir, studio) as server,
        ):
            figures |= first_figures(server)
            figures |= api_figures(server)
            print("the API is measured", file=sys.stderr)
            figures |= page_figures(server, options.opens)
            figures |= written_figures(server, data_dir, options.opens)
    for name, value in figures.items():
        print(f"{name:24} {value}")
    print(f"goal page_grid_p50_ms ≤ 1000: {'met' if figures['page_grid_p50_ms'] <= 1000 else 'not met'}")
    if options.json:
        report = {"cores": os.cpu_count(), "load": os.getloadavg(), **figures}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
