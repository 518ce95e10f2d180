#!/usr/bin/env python3
"""Segments the tasks of a project without the page: one click a task, followed through its video.

    python docs/segment_project.py http://127.0.0.1:9090 7 --token TOKEN --label Cat --point 0.5 0.5

An example of the player's API (docs/player_api.md); needs httpx alone. TOKEN is a token of Label Studio. Tasks with
prompts or a verdict are left as they are, so the script goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import httpx

Json = dict[str, Any]
HEADERS = {"X-Masklet-Player": "1", "Content-Type": "application/json"}
FRAMES_AT_ONCE = 240
PAUSE_S = 0.5
TRIES = 60


class Refused(Exception):
    """The API's sentence, and its way out."""


class Player:
    """The API, signed in as the person of a token."""

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/player", headers=HEADERS, timeout=120)
        self.call("POST", "/session", {"token": token})

    def call(self, method: str, address: str, body: Json | None = None) -> Json:
        """The answer's JSON. Asks again while something is being prepared or does not answer. Raises Refused."""
        for _ in range(TRIES):
            reply = self._http.request(method, address, json=body)
            if reply.status_code not in (httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE):
                break
            time.sleep(PAUSE_S)
        answer: Json = reply.json()
        if reply.is_error:
            raise Refused(f"{answer['detail']} {answer.get('way_out', '')}".strip())
        return answer

    def tasks(self, project: int) -> list[Json]:
        """load: all tasks with their states."""
        found: list[Json] = []
        while True:
            page = self.call("GET", f"/projects/{project}/tasks?page={len(found) // 100 + 1}")
            found += page["tasks"]
            if len(found) >= page["total"] or not page["tasks"]:
                return found

    def opened(self, task: str) -> Json:
        """init: the task; waits until a worker has opened its video."""
        while (answer := self.call("GET", task)).get("status") == "opening":
            time.sleep(PAUSE_S)
        return answer

    def followed(self, task: str) -> Json:
        """process: waits for the end of the newest propagation; returns it."""
        cursor, job = "", Json()
        while True:  # a stream ends after some seconds: the next one goes on from the cursor
            with self._http.stream("GET", f"{task}/events", headers={"Last-Event-ID": cursor}) as stream:
                name = ""
                for line in stream.iter_lines():
                    key, _, value = line.partition(": ")
                    if key == "event":
                        name = value
                    elif key == "id":
                        cursor = value
                    elif key == "data" and name == "job":
                        job = json.loads(value)
                    elif key == "data" and name == "end":
                        return job


def segment(player: Player, task: str, given: argparse.Namespace) -> str:
    """Prompts, propagates and approves one task; returns what became of it."""
    video, label = player.opened(task)["video"], given.label
    click = {"label": label, "points": [[*given.point, 1]]}
    (mask,) = player.call("PUT", f"{task}/prompts/0/{label}", click)["masks"]  # preview
    if mask["rle"] is None:
        player.call("DELETE", f"{task}/objects/{label}")  # delete
        player.call("PUT", f"{task}/verdicts", {"verdict": "skipped", "comment": "nothing at the point"})  # skip
        return "skipped"
    wanted = {"start": 0, "direction": "forward", "count": given.frames}
    player.call("POST", f"{task}/propagations", wanted)  # process
    job = player.followed(task)
    if job["state"] != "done":
        return f"{job['state']}: {job['detail']}"
    first = min(video["frame_count"], FRAMES_AT_ONCE)
    player.call("PUT", f"{task}/approvals", {"object": label, "start": 0, "stop": 1})  # save: the first frame is right
    player.call("PUT", f"{task}/verdicts/{label}", {"verdict": "satisfactory", "comment": "by segment_project.py"})
    masks = player.call("GET", f"{task}/masks?start=0&stop={first}")["masks"]
    return f"{sum(each['rle'] is not None for each in masks)} masks on {first} frames"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="Masklet's address")
    parser.add_argument("project", type=int, help="the number of Label Studio's project")
    parser.add_argument("--token", required=True, help="a token of Label Studio")
    parser.add_argument("--label", required=True, help="a label of the project's label config")
    parser.add_argument("--point", type=float, nargs=2, required=True, metavar=("X", "Y"), help="relative, 0 to 1")
    parser.add_argument("--frames", type=int, help="how many frames to follow the object; default: all")
    given = parser.parse_args()
    player = Player(given.url.rstrip("/"), given.token)
    for task in player.tasks(given.project):
        if task["state"] == "untouched" and task["verdict"] is None:
            address = f"/tasks/{given.project}/{task['task']}"
            print(f"task {task['task']}: {segment(player, address, given)}")
    print(json.dumps(player.call("GET", f"/projects/{given.project}/summary")))


if __name__ == "__main__":
    try:
        main()
    except Refused as error:
        raise SystemExit(str(error)) from error
