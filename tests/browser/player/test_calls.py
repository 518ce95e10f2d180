"""What both pages do with a server's answers: sign-in, errors, lost connections, missing pictures."""

from __future__ import annotations

import pytest

from tests.browser.player.conftest import Js, Modules

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

MADE = """
    const { Calls } = await load('server/calls.js');
    const asked = [], answers = [], reached = [];
    window.fetch = async (address, { method = 'GET', headers = {}, body } = {}) => {
      asked.push([method, address, headers['X-Masklet-Player'] ?? '', body ?? '']);
      const answer = answers.shift();
      if (!answer) throw new TypeError('no connection');
      return new Response(JSON.stringify(answer[1]), { status: answer[0] });
    };
    const calls = new Calls('/api', (address) => early.get(address));
    const early = new Map();
    calls.onReach = (answered) => reached.push(answered);
    const told = (error) => [error.constructor.name, error.message, error.wayOut ?? ''];
    const failed = (call) => call.then(() => null, told);
"""


def run(modules: Modules, body: str) -> Js:
    return modules.run(MADE + body)


def test_a_sign_in_that_has_ended_is_renewed_once(modules: Modules) -> None:
    found = run(
        modules,
        """answers.push([401, {}], [200, { user: 'ann' }], [200, { is: 'there' }]);
        const first = await calls.call('PUT', '/api/x', { a: 1 });
        answers.push([401, {}], [200, {}], [401, { detail: 'Nobody is signed in.' }]);
        return [first, await failed(calls.call('GET', '/api/x')), asked];""",
    )
    assert found[0] == {"is": "there"}
    assert found[1] == ["ApiError", "Nobody is signed in.", ""]
    assert found[2][:3] == [
        ["PUT", "/api/x", "1", '{"a":1}'],
        ["POST", "/api/session", "1", "{}"],
        ["PUT", "/api/x", "1", '{"a":1}'],
    ]
    assert len(found[2]) == 6


def test_errors_have_sentences_and_a_lost_connection_is_told(modules: Modules) -> None:
    found = run(
        modules,
        """answers.push([409, { detail: 'It is busy.', way_out: 'Wait.' }], [500, 'no JSON object'], [400, {}]);
        answers.push([503, { detail: 'No worker is there.' }], [400, { detail: 'It is no box.' }], [200, {}]);
        const errors = [];
        for (const path of ['/a', '/b', '/c', '/d', '/e']) errors.push(await failed(calls.call('GET', path)));
        await calls.call('GET', '/f');
        errors.push(await failed(calls.call('GET', '/g')));
        return [errors, reached];""",
    )
    assert found[0] == [
        ["ApiError", "It is busy.", "Wait."],
        ["ApiError", "Masklet answered with status 500.", "Try again."],
        ["ApiError", "Masklet answered with status 400.", "Try again."],
        ["ApiError", "No worker is there.", "Try again."],
        ["ApiError", "It is no box.", ""],
        ["ConnectionLost", "Masklet does not answer.", ""],
    ]
    assert found[1] == [True] * 6 + [False]


def test_an_answer_that_was_asked_for_before_is_used(modules: Modules) -> None:
    found = run(
        modules,
        """early.set('/api/x', Promise.resolve(new Response('{"is": "early"}')));
        const first = await calls.call('GET', '/api/x');
        answers.push([200, { is: 'later' }]);
        return [first, await calls.call('POST', '/api/x', {}), asked.length];""",
    )
    assert found == [{"is": "early"}, {"is": "later"}, 1]


def test_a_missing_picture_has_its_reason(modules: Modules) -> None:
    found = modules.run(
        """const { Thumbnails } = await import('/lead/static/view/thumbnails.js');
        const { ApiError } = await load('server/errors.js');
        const load_ = async () => { throw new ApiError(404, 'the video cannot be fetched'); };
        const image = document.createElement('img');
        document.body.append(image);
        const reason = await new Promise((told) => new Thumbnails(load_).show(image, '/picture', told));
        return [reason, image.dataset.state, image.getAttribute('src')];"""
    )
    assert found == ["the video cannot be fetched", "missing", None]
