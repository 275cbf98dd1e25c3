"""The decision reaches the provider whatever way Envoy sends bodies."""

import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from support.envoy import Bootstrap
from support.envoy_world import EASY, HARD, World, chat, sums, together, world
from support.gateway import HEADERS
from support.polling import eventually

LARGE = 4 * 1024 * 1024


def buffered(_: Bootstrap) -> None:
    """As the documentation's own file has it."""


def partial(made: Bootstrap) -> None:
    made.modes(request_body_mode="BUFFERED_PARTIAL")


def duplex(made: Bootstrap) -> None:
    made.modes(request_body_mode="FULL_DUPLEX_STREAMED", request_trailer_mode="SEND")
    made.filter["failure_mode_allow"] = False  # Envoy takes no other value in this mode


def ahead(made: Bootstrap) -> None:
    made.modes(request_body_mode="STREAMED")
    made.filter["send_body_without_waiting_for_header_response"] = True


def overridden(made: Bootstrap) -> None:
    made.modes(request_body_mode="STREAMED")
    made.filter["allow_mode_override"] = True


def from_none(made: Bootstrap) -> None:
    made.modes(request_body_mode="NONE")
    made.filter["allow_mode_override"] = True


MODES = [buffered, partial, duplex, ahead, overridden, from_none]


async def routed(here: World) -> None:
    """Both models are reached, with every other byte of the body as it was."""
    status, headers, _ = await here.post(chat(HARD))
    assert (status, headers["x-weir-model"]) == (200, "strong")
    assert (headers["x-weir-reason"], headers["x-weir-policy"]) == ("scored", "shop/chat")
    (received,) = here.strong.received
    assert received.body == chat(HARD).replace(b'"auto"', b'"strong-model"')
    assert not [name for name in received.headers if name.startswith("x-weir")]
    await here.post(chat(EASY))
    assert json.loads(here.weak.received[0].body)["model"] == "weak-model"


@pytest.mark.parametrize("mode", MODES)
async def test_the_route_and_the_model_follow_the_decision(
    tmp_path: Path, mode: Callable[[Bootstrap], None]
) -> None:
    made = Bootstrap()
    mode(made)
    async with world(tmp_path, made) as here:
        await routed(here)
    total = sums(here.ledger)
    assert (total.requests, total.strong, total.uncounted) == (2, 1, 0)
    assert total.input_tokens == 2000


@pytest.mark.parametrize("mode", [buffered, duplex, overridden])
async def test_large_bodies_arrive_whole(tmp_path: Path, mode: Callable[[Bootstrap], None]) -> None:
    made = Bootstrap()
    mode(made)
    body = chat(HARD + "x" * LARGE)
    async with world(tmp_path, made) as here:
        status, headers, _ = await here.post(body)
        assert (status, headers["x-weir-model"]) == (200, "strong")
        assert here.strong.received[0].body == body.replace(b'"auto"', b'"strong-model"')


@pytest.mark.parametrize("mode", [buffered, duplex])
async def test_200_requests_at_once_are_each_decided_once(
    tmp_path: Path, mode: Callable[[Bootstrap], None]
) -> None:
    made = Bootstrap()
    mode(made)
    bodies = [chat(f"{HARD if n % 2 else EASY} {n}") for n in range(200)]
    async with world(tmp_path, made) as here:
        answers = await together(here, bodies)
        assert {status for status, _, _ in answers} == {200}
        models = [headers["x-weir-model"] for _, headers, _ in answers]
        assert models == ["weak", "strong"] * 100
    total = sums(here.ledger)
    assert (total.requests, total.strong, total.failed) == (200, 100, 0)


async def test_a_body_that_comes_after_its_route_still_gets_its_model(tmp_path: Path) -> None:
    made = Bootstrap()
    made.modes(request_body_mode="STREAMED")
    body = chat(HARD)
    async with world(tmp_path, made) as here:

        async def slowly() -> AsyncGenerator[bytes]:
            """The rest comes once Envoy has called the route's provider."""
            yield body[:20]
            await eventually(lambda: called(here))
            yield body[20:]

        async with here.session.post(
            f"{here.envoy.url}/v1/chat/completions", data=slowly(), headers=HEADERS
        ) as response:
            assert response.headers["x-weir-model"] == "strong"
        (received,) = here.weak.received  # the last route: no header was there in time
        assert received.body == body.replace(b'"auto"', b'"strong-model"')


async def called(here: World) -> bool:
    return await here.envoy.counter("cluster.weak.upstream_rq_total") > 0


async def test_headers_alone_are_decided_by_rule_and_failure_mode(tmp_path: Path) -> None:
    made = Bootstrap()
    made.modes(request_body_mode="NONE")
    async with world(tmp_path, made) as here:
        status, headers, _ = await here.post(chat(HARD), x_gateway_model_name="auto")
        assert (status, headers["x-weir-model"]) == (200, "weak")
        assert headers["x-weir-reason"] == "scorer_unavailable"
        assert here.weak.received[0].body == chat(HARD)  # which no filter has seen
        status, headers, _ = await here.post(chat(HARD), x_gateway_model_name="strong")
        assert (headers["x-weir-model"], headers["x-weir-reason"]) == ("strong", "direct")


async def test_headers_alone_that_name_no_model_pass(tmp_path: Path) -> None:
    made = Bootstrap()
    made.modes(request_body_mode="NONE")
    async with world(tmp_path, made) as here:
        status, headers, _ = await here.post(chat(HARD))
        assert (status, here.weak.received[0].body) == (200, chat(HARD))
        assert "x-weir-model" not in headers
