"""Whole sessions of an agent over sockets: which model answers, and what gateways share of it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from support.agent_runs import RUN, WEIGHTS, Run, run_tests
from support.drafts import TableDraft
from support.gateway import HEADERS, Running, backend, running_gateway, table
from support.polling import eventually
from support.redis_server import RedisServer, redis_server
from support.upstream import answering, completion, running_upstream
from weir_agents.scores import dump_weights
from weir_gateway.adapters.session.codec import decode_agent

STAGE: dict[str, object] = {"weights": "test"}
FAILING = Run(steps=(run_tests(fail=True),) * 3)
WENT = [
    *["stage:weak"] * 7,
    "stage:up",
    *["stage:hold"] * 2,
    "stage:return",
    *["stage:weak"] * 2,
]
PATIENT = ("WEIR_REDIS_WITHIN", "5s")  # a busy machine is no defect


def agents(url: str, **stage: object) -> TableDraft:
    """One policy whose router is `stage`; an answer of either model costs 10 or 100 micro-USD."""
    made = table(backend("weak", url), backend("strong", url, micro_usd=10_000_000))
    made.policies[0].set("router", {"name": "stage", "stage": {**STAGE, **stage}})
    return made


@contextlib.asynccontextmanager
async def gateway(
    folder: Path, made: TableDraft, *variables: tuple[str, str]
) -> AsyncGenerator[Running]:
    """One with the tests' weights."""
    weights = folder / "weights"
    await asyncio.to_thread(weights.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread((weights / "test.json").write_text, dump_weights(WEIGHTS))
    settings = [("WEIR_AGENT_WEIGHTS", str(weights)), *variables]
    async with running_gateway(folder, made, settings) as running:
        yield running


async def ask(running: Running, run: Run, wire: str = "chat") -> tuple[str, str]:
    """Reason and model of one turn."""
    body, path = (
        (run.chat(), "/v1/chat/completions") if wire == "chat" else (run.messages(), "/v1/messages")
    )
    async with running.session.post(
        f"{running.url}{path}", data=body, headers={**HEADERS, **run.headers}
    ) as response:
        assert response.status == 200, await response.text()
        await response.read()
        return response.headers["x-weir-reason"], response.headers["x-weir-model"]


async def session(running: Sequence[Running], run: Run, wire: str = "chat") -> list[str]:
    """The reasons of a whole run, its turns over the gateways in turn."""
    turns = range(len(run.steps) + 1)
    return [(await ask(running[n % len(running)], run.after(n), wire))[0] for n in turns]


@pytest.mark.parametrize("wire", ["chat", "messages"])
async def test_failing_tests_bring_the_strong_model_and_progress_the_weak_one(
    tmp_path: Path, wire: str
) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        gateway(tmp_path, agents(upstream.url)) as running,
    ):
        assert await session([running], Run(), wire) == WENT


async def test_the_header_names_the_model_that_answered(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        gateway(tmp_path, agents(upstream.url)) as running,
    ):
        assert await ask(running, FAILING) == ("stage:strong", "strong")
        assert await ask(running, Run(task="Another.").after(2)) == ("stage:weak", "weak")


async def test_a_session_costs_the_strong_model_no_more_than_its_ceiling(tmp_path: Path) -> None:
    """An answer really costs 100 micro-USD; the estimate before it is larger."""
    async with (
        running_upstream(answering(completion())) as upstream,
        gateway(tmp_path, agents(upstream.url, maxStrongUsd="0.05")) as running,
    ):
        labels: list[str] = []
        while "stage:ceiling" not in labels:
            labels.append((await ask(running, FAILING))[0])
        answers = len(labels) - 1
        assert labels[:-1] == ["stage:strong"] * answers
        assert 0 < answers * 100 < 50_000  # micro-USD


class Fleet:
    """Two gateways on one Redis."""

    def __init__(self, server: RedisServer, running: list[Running]) -> None:
        self.server = server
        self.running = running

    async def remembers(self, turn: int) -> bool:
        """Whether Redis has this turn of the only conversation."""
        found = await self.server.ask("KEYS", "weir:session:*}:*")
        values = [await self.server.ask("GET", key) for key in found]
        states = [decode_agent(value) for value in values]
        return [state.turn for state in states if state is not None] == [turn]

    async def spent(self) -> int:
        """By the strong model in the only session, in pico-USD."""
        (key,) = await self.server.ask("KEYS", "weir:session:*}")
        return int(await self.server.ask("HGET", key, "spent"))


@contextlib.asynccontextmanager
async def fleet(folder: Path, **stage: object) -> AsyncGenerator[Fleet]:
    async with (
        redis_server() as server,
        running_upstream(answering(completion())) as upstream,
        contextlib.AsyncExitStack() as stack,
    ):
        made, shared = agents(upstream.url, **stage), [("WEIR_REDIS", server.url), PATIENT]
        running = [
            await stack.enter_async_context(gateway(folder / str(number), made, *shared))
            for number in range(2)
        ]
        yield Fleet(server, running)


async def test_gateways_share_what_is_remembered(tmp_path: Path) -> None:
    async with fleet(tmp_path) as shared:
        labels: list[str] = []
        for turn in range(len(RUN) + 1):
            one = shared.running[turn % 2]
            labels.append((await ask(one, Run().after(turn)))[0])
            await eventually(lambda turn=turn: shared.remembers(turn))
        assert labels == WENT


async def test_gateways_share_the_ceiling_of_a_session(tmp_path: Path) -> None:
    """A request reserves about 42,000 of 50,000 micro-USD, and costs 100."""
    async with fleet(tmp_path, maxStrongUsd="0.05") as shared:
        asks = (ask(shared.running[n % 2], FAILING) for n in range(24))
        labels = [label for label, _ in await asyncio.gather(*asks)]
        assert set(labels) == {"stage:strong", "stage:ceiling"}
        real = 100_000_000 * labels.count("stage:strong")  # 100 micro-USD each

        async def settled() -> bool:
            return await shared.spent() == real

        await eventually(settled)


async def test_a_session_goes_on_while_redis_is_away_and_is_told_afterwards(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path, maxStrongUsd="5") as shared:
        one = shared.running[0]
        await ask(one, FAILING)
        await eventually(lambda: shared.remembers(3))
        await shared.server.kill()
        assert await ask(one, FAILING) == ("stage:strong", "strong")
        assert "weir_sessions_local_total" in await one.metrics()
        await shared.server.start()

        async def told() -> bool:
            keys = await shared.server.ask("KEYS", "weir:session:*}")
            return bool(keys) and await shared.spent() == 100_000_000

        await eventually(told)


async def test_a_redis_that_does_not_answer_delays_a_turn_by_its_deadline(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        running_upstream(answering(completion())) as upstream,
        gateway(
            tmp_path,
            agents(upstream.url, maxStrongUsd="5"),
            ("WEIR_REDIS", server.url),
            ("WEIR_REDIS_WITHIN", "200ms"),
        ) as running,
    ):
        await ask(running, FAILING)
        with server.frozen():
            async with asyncio.timeout(5):
                assert await ask(running, FAILING) == ("stage:strong", "strong")


async def test_a_gateway_that_starts_again_knows_the_session(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        running_upstream(answering(completion())) as upstream,
    ):
        made, shared = agents(upstream.url), ("WEIR_REDIS", server.url)
        async with gateway(tmp_path, made, shared, PATIENT) as running:
            await session([running], Run().after(7))  # its last writes are made before it ends
        async with gateway(tmp_path, made, shared, PATIENT) as running:
            assert (await ask(running, Run().after(8)))[0] == "stage:hold"
        async with gateway(tmp_path, made) as alone:
            assert (await ask(alone, Run().after(8)))[0] == "stage:weak"


async def test_a_large_and_strange_conversation_is_served(tmp_path: Path) -> None:
    """Tool results of a megabyte, with anything in them, on a session that two agents share."""
    odd = run_tests(fail=True)
    results = ["\x00\ufffd" * 10_000, "Error: " * 100_000, ""]
    steps = tuple(type(odd)(odd.tool, odd.arguments, text) for text in results)
    async with (
        running_upstream(answering(completion())) as upstream,
        gateway(tmp_path, agents(upstream.url)) as running,
    ):
        named = {"x-weir-session": "one"}
        main = Run(steps=steps, headers=named)
        sub = Run(task="Find the file.", steps=FAILING.steps, headers=named)
        for run in (main, sub, main.after(1), sub, main):
            assert (await ask(running, run))[0].startswith("stage:")
