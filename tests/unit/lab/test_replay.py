"""Replaying: what is sent over a real socket, and how choices are settled, by hand."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from weir_lab.arrays import Doubles
from weir_lab.replay import Recorded, Target, replay, settle
from weir_lab.replay.ledger import NothingServed

QUALITY: Doubles = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
COST: Doubles = np.array([[1.0, 10.0], [1.0, 20.0], [1.0, 10.0], [1.0, 40.0]])


def test_choices_are_settled_by_hand() -> None:
    ledger = settle(
        Recorded(["small", "large"], QUALITY, COST),
        np.array([0, 1, 0, 1]),
        ["scored", "scored", "scored", "rule:x"],
    )
    lines = {line.name: line for line in ledger.lines}
    assert list(lines) == [
        "this policy",
        "always small",
        "always large",
        "random, same shares",
        "oracle",
    ]
    policy = lines["this policy"]
    assert policy.quality.value == pytest.approx(3 / 4)
    assert policy.retained.value == pytest.approx(3 / 2)
    assert policy.usd.value == pytest.approx(1000 * 62 / 4)
    assert policy.saved.value == pytest.approx(1 - 62 / 80)
    assert policy.last_share == 0.5
    # At random: half of each candidate's total.
    assert lines["random, same shares"].usd.value == pytest.approx(1000 * (4 + 80) / 8)
    assert lines["random, same shares"].quality.value == pytest.approx(0.5)
    # The oracle calls the large model once: where it alone is right.
    assert lines["oracle"].usd.value == pytest.approx(1000 * (20 + 3) / 4)
    assert lines["oracle"].quality.value == pytest.approx(3 / 4)
    assert lines["always large"].saved.value == 0
    assert ledger.reasons == {"scored": 3, "rule:x": 1}


def test_what_was_not_served_is_counted_and_left_out() -> None:
    ledger = settle(
        Recorded(["small", "large"], QUALITY, COST * np.array([1.0, np.nan])),
        np.array([0, -1, 0, -1]),
        ["scored", "unreachable", "scored", "unreachable"],
    )
    assert (ledger.prompts, ledger.unserved) == (2, 2)
    lines = {line.name: line for line in ledger.lines}
    assert lines["this policy"].usd.value == pytest.approx(1000)
    assert np.isnan(lines["always large"].usd.value)
    assert np.isnan(lines["this policy"].saved.value)


def test_a_gateway_that_serves_nothing_is_no_result() -> None:
    with pytest.raises(NothingServed):
        settle(Recorded(["a", "b"], QUALITY[:1], COST[:1]), np.array([-1]), ["unreachable"])


@pytest.fixture
async def gateway() -> AsyncIterator[str]:
    """Chooses by the prompt's length, and refuses one prompt."""

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        prompt = body["messages"][0]["content"]
        assert request.headers["authorization"] == "Bearer secret"
        assert body["model"] == "router-of-mine"
        if prompt == "refuse":
            return web.json_response({"error": {}}, status=503, headers={"x-weir-reason": "none"})
        chosen = "large" if len(prompt) > 3 else "small"
        return web.json_response({}, headers={"x-weir-model": chosen, "x-weir-reason": "scored"})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_every_prompt_is_sent_once_and_stays_in_order(gateway: str) -> None:
    prompts = ["x" * (k % 7) or "refuse" for k in range(200)]
    done: list[int] = []
    target = Target(gateway, "secret", "router-of-mine")
    choices = await replay(target, prompts, concurrency=16, advance=done.append)
    assert len(choices) == len(done) == 200
    for prompt, choice in zip(prompts, choices, strict=True):
        if prompt == "refuse":
            assert (choice.backend, choice.reason, choice.status) == ("", "none", 503)
        else:
            assert choice.backend == ("large" if len(prompt) > 3 else "small")


async def test_no_gateway_at_all_is_no_crash() -> None:
    (choice,) = await replay(Target("http://127.0.0.1:9"), ["hello"])
    assert (choice.backend, choice.status) == ("", 0)
