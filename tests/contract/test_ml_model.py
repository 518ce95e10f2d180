"""MaskletModel gives equal answers in label-studio-ml's Flask app and in Masklet's HTTP app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.interfaces.labelstudio.predict import PUSH_S, LabelStudioMLBase, MaskletModel
from tests.fakes.web import FRAMES, VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task

Post = Callable[[str, dict[str, object]], Any]
SERVERS = ["ours", "theirs"]


@pytest.fixture
def post(request: pytest.FixtureRequest, tmp_path: Path) -> Post:
    """POSTs to one of the two servers and returns its JSON."""
    web = FakeWeb()
    return posting_to_ours(web) if request.param == "ours" else posting_to_flask(web, tmp_path)


def posting_to_ours(web: FakeWeb) -> Post:
    client = web.client()
    return after_pushes(web, lambda path, body: client.post(path, json=body).json())


def after_pushes(web: FakeWeb, post: Post) -> Post:
    """Each request comes when the predictions of those before have had the time to be pushed."""

    def paused(path: str, body: dict[str, object]) -> Any:  # noqa: ANN401 - JSON
        web.clock.sleep(PUSH_S)
        return post(path, body)

    return paused


def posting_to_flask(web: FakeWeb, model_dir: Path) -> Post:
    """label-studio-ml's app, made as its start script makes it."""
    from label_studio_ml.api import init_app  # after ml_model, which silences the package's import

    flask = init_app(MaskletModel, model_dir=str(model_dir), parts=web.parts).test_client()
    return after_pushes(web, lambda path, body: flask.post(path, json=body).get_json())


def setup_body(label_config: str, project: str) -> dict[str, object]:
    return {"project": project, "schema": label_config, "hostname": "http://127.0.0.1:1", "access_token": "t0ken"}


def bodies() -> list[dict[str, object]]:
    with_prompts = pages_task(9)
    assert isinstance(with_prompts["data"], dict)
    with_prompts["data"]["prompts"] = {
        "objects": [{"id": "c", "label": "Cat", "prompts": [{"frame": 1, "points": [[0.5, 0.5, 1]]}]}]
    }
    return [
        predict_body(pages_task(), regions=[keypoint(page=4)]),
        predict_body(pages_task()),
        predict_body(pages_task(), "no task", with_prompts),
        predict_body(video_task(), label_config=VIDEO, project="2.17", regions=[video_box()]),
    ]


def answers(post: Post) -> list[Any]:
    results = []
    for body in bodies():
        post("/setup", setup_body(str(body["label_config"]), str(body["project"])))
        results.append(post("/predict", body)["results"])
    return results


@pytest.mark.parametrize("post", SERVERS, indirect=True)
def test_a_click_a_batch_and_a_track_are_answered(post: Post) -> None:
    click, opened, batch, track = answers(post)
    assert [region["item_index"] for region in click[0]["result"]] == [4]
    assert [region["item_index"] for region in opened[0]["result"]] == list(range(10))
    assert (batch[0], batch[1:]) == (opened[0], [[], []])
    assert track[0]["result"][0]["id"] == "b1"


def test_both_servers_give_equal_answers(tmp_path: Path) -> None:
    masklet_web, flask_web = FakeWeb(), FakeWeb()
    assert answers(posting_to_ours(masklet_web)) == answers(posting_to_flask(flask_web, tmp_path))


def test_the_model_keeps_no_address_and_no_token() -> None:
    model = MaskletModel(
        label_config=FRAMES, train_output={}, hostname="http://attacker", access_token="t0ken", parts=FakeWeb().parts
    )
    assert isinstance(model, LabelStudioMLBase)
    assert "t0ken" not in repr(vars(model))
    assert "attacker" not in repr(vars(model))
