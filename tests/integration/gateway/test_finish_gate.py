"""Finish gates over sockets: whole sessions, what is held, who answers, and what it costs."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.accounting import Row, ledger, metric
from support.agent_runs import WEIGHTS, Run, edit, read, run_tests
from support.cascades import in_turn, ledger_setting
from support.drafts import TableDraft
from support.gateway import HEADERS, Running, backend, running_gateway, table
from support.upstream import (
    END,
    Behaviour,
    Exchange,
    answering,
    completion,
    event,
    never,
    resetting,
    running_upstream,
    stalling,
    streaming,
)
from weir_agents.scores import dump_weights

GOOD = Run(steps=(read(), edit(1), run_tests(fail=False)))
BAD = Run(steps=(run_tests(fail=True),) * 3)
WEAK = completion("The total is right now. All done.", 1000, 10)
STRONG = completion("It was the wrong place; it is fixed now.", 1000, 20)
USAGE = {"prompt_tokens": 1000, "completion_tokens": 10}


def calling(name: str, *, stream: bool = False) -> bytes:
    """A model's answer that calls a tool, or one event of it."""
    function = {"name": name, "arguments": '{"command": "pytest -q"}'}
    call = {"index": 0, "id": "c9", "type": "function", "function": function}
    if stream:
        choice = {"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}}
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return json.dumps({"choices": [choice], "usage": USAGE}).encode()


FINAL_EVENTS = (
    event("All "),
    event("done."),
    b'data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":10}}\n\n',
    END,
)


def gated(weak: str, strong: str, **gate: object) -> TableDraft:
    """weak at 1 USD a million tokens, strong at 10; no scorer, so that weak answers."""
    made = table(backend("weak", weak), backend("strong", strong, micro_usd=10_000_000))
    settings = {"bar": "0.5", "weights": "test", **gate}
    if "share" in settings:
        del settings["bar"]
    made.policies[0].set("failureMode.upstream", []).set("finishGate", settings)
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


def streamed(body: bytes) -> bytes:
    return body.replace(b'"model"', b'"stream": true, "model"', 1)


def followed_up(run: Run) -> bytes:
    """The run after its end, and what the user writes then."""
    body: dict[str, Any] = json.loads(run.chat())
    body["messages"] += [
        {"role": "assistant", "content": "All done."},
        {"role": "user", "content": "Now write the release notes."},
    ]
    return json.dumps(body).encode()


async def ask(
    running: Running, body: bytes, path: str = "chat/completions"
) -> tuple[str, str, bytes]:
    """Model, reason and the bytes that came."""
    async with running.session.post(
        f"{running.url}/v1/{path}", data=body, headers=HEADERS
    ) as response:
        came = await response.read()
        assert response.status == 200, came
        return response.headers["x-weir-model"], response.headers["x-weir-reason"], came


async def results(running: Running) -> dict[str, float]:
    """weir.gate.answers by result."""
    return dict(metric(await running.metrics(), "weir_gate_answers", "result"))


@pytest.mark.parametrize(
    ("run", "model", "reason", "answer"),
    [
        (GOOD, "weak", "finish_gate:accepted", WEAK),
        (BAD, "strong", "finish_gate:escalated", STRONG),
    ],
)
async def test_a_finished_run_is_scored_as_a_whole(
    tmp_path: Path, run: Run, model: str, reason: str, answer: bytes
) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
        gateway(tmp_path, gated(weak.url, strong.url)) as running,
    ):
        assert await ask(running, run.chat()) == (model, reason, answer)
        assert await results(running) == {reason.partition(":")[2]: 1}
        if model == "strong":
            sent = json.loads(strong.received[0].body)
            assert sent["messages"] == json.loads(run.chat())["messages"]  # whole, and nothing else


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["chat/completions", "messages"])
@pytest.mark.parametrize(("run", "model"), [(GOOD, "weak"), (BAD, "strong")])
async def test_every_finish_is_looked_at_whole_and_streamed(
    tmp_path: Path, run: Run, model: str, path: str, *, stream: bool
) -> None:
    plain, final = answering(WEAK), streaming(FINAL_EVENTS)
    async with (
        running_upstream(final if stream else plain) as weak,
        running_upstream(final if stream else answering(STRONG)) as strong,
        gateway(tmp_path, gated(weak.url, strong.url)) as running,
    ):
        body = run.chat() if path == "chat/completions" else run.messages()
        came = await ask(running, streamed(body) if stream else body, path)
        word = "accepted" if model == "weak" else "escalated"
        assert came[:2] == (model, f"finish_gate:{word}")
        assert b"one" in came[2] or b"fixed" in came[2]


def responses(run: Run) -> bytes:
    """The run as a client of OpenAI's responses sends it."""
    items: list[dict[str, Any]] = [{"type": "message", "role": "user", "content": run.task}]
    for number, step in enumerate(run.steps):
        arguments = json.dumps(step.arguments)
        call = {"type": "function_call", "call_id": f"c{number}", "name": step.tool}
        items += [
            {**call, "arguments": arguments},
            {"type": "function_call_output", "call_id": f"c{number}", "output": step.result},
        ]
    tools = [{"type": "function", "name": "Bash", "parameters": {"type": "object"}}]
    body = {"model": "auto", "instructions": run.system, "input": items, "tools": tools}
    return json.dumps({**body, "store": False}).encode()


def gemini(run: Run) -> bytes:
    """The run as a client of Gemini's API sends it."""
    contents: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": run.task}]}]
    for step in run.steps:
        call = {"name": step.tool, "args": step.arguments}
        response = {"name": step.tool, "response": {"output": step.result}}
        contents += [
            {"role": "model", "parts": [{"functionCall": call}]},
            {"role": "user", "parts": [{"functionResponse": response}]},
        ]
    declared = [{"functionDeclarations": [{"name": "Bash"}]}]
    return json.dumps({"contents": contents, "tools": declared}).encode()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", ["responses", "gemini"])
async def test_the_other_wires_are_looked_at_too(
    tmp_path: Path, wire: str, *, stream: bool
) -> None:
    final = streaming(FINAL_EVENTS)
    call = streaming((calling("Bash", stream=True), END))
    async with (
        running_upstream(
            in_turn(final if stream else WEAK, call if stream else calling("Bash"))
        ) as weak,
        running_upstream(final if stream else answering(STRONG)) as strong,
        gateway(tmp_path, gated(weak.url, strong.url, maxPerSession=2)) as running,
    ):
        other = Run(task="Another task.", steps=BAD.steps)
        came: list[tuple[str, str]] = []
        for run in (BAD, other):
            if wire == "responses":
                body, path = responses(run), "/v1/responses"
                body = streamed(body) if stream else body
            else:
                action = "streamGenerateContent?alt=sse" if stream else "generateContent"
                body, path = gemini(run), f"/v1beta/models/auto:{action}"
            async with running.session.post(running.url + path, data=body, headers=HEADERS) as got:
                assert got.status == 200, await got.text()
                await got.read()
                came.append((got.headers["x-weir-model"], got.headers["x-weir-reason"]))
        assert came == [("strong", "finish_gate:escalated"), ("weak", "scorer_unavailable")]
        assert await results(running) == {"escalated": 1, "goes_on": 1}


async def test_with_the_router_stage_the_strong_model_keeps_the_task(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(in_turn(calling("Bash"), STRONG)) as strong,
    ):
        made = gated(weak.url, strong.url)
        stage = {"name": "stage", "stage": {"weights": "test", "settledTurns": 1}}
        made.policies[0].set("router", stage).set("objective", {"threshold": "0.9"})
        async with gateway(tmp_path, made) as running:
            later = Run(steps=(*BAD.steps, read(), edit(2)))
            went = [(await ask(running, run.chat()))[1] for run in (BAD.after(2), BAD, later)]
        assert went == ["finish_gate:accepted", "finish_gate:escalated", "finish_gate:stays"]


async def test_a_cached_answer_is_the_one_that_was_given(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
    ):
        made = gated(weak.url, strong.url)
        made.policies[0].set("cache", {"exact": {"ttl": "10m"}, "temperature": "any"})
        async with gateway(tmp_path, made) as running:
            assert (await ask(running, BAD.chat()))[1] == "finish_gate:escalated"
            model, reason, came = await ask(running, BAD.chat())
            assert (model, reason, b"it is fixed now" in came) == ("strong", "cache", True)
        assert (len(weak.received), len(strong.received)) == (1, 1)


async def test_shadow_looks_at_nothing(tmp_path: Path) -> None:
    async with (
        running_upstream(never) as weak,
        running_upstream(answering(STRONG)) as strong,
    ):
        made = gated(weak.url, strong.url)
        made.policies[0].set("mode", "Shadow")
        async with gateway(tmp_path, made) as running:
            assert (await ask(running, BAD.chat()))[:2] == ("strong", "shadow")
            assert await results(running) == {}


async def test_the_other_model_goes_on_until_the_user_writes_again(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(in_turn(calling("Bash"), calling("Bash"), STRONG)) as strong,
        gateway(tmp_path, gated(weak.url, strong.url)) as running,
    ):
        longer = Run(steps=(*BAD.steps, read(), edit(2)))
        went = [
            (await ask(running, body))[:2]
            for body in (
                BAD.chat(),
                Run(steps=longer.steps[:4]).chat(),
                longer.chat(),
                followed_up(longer),
            )
        ]
        assert went == [
            ("strong", "finish_gate:escalated"),
            ("strong", "finish_gate:stays"),
            ("strong", "finish_gate:stays"),
            ("weak", "scorer_unavailable"),  # once in a session, so no second look
        ]


async def test_a_run_that_goes_on_is_no_finish(tmp_path: Path) -> None:
    asks = completion("Shall I change the rounding mode?", 10, 5)
    async with (
        running_upstream(in_turn(calling("Bash"), asks)) as weak,
        running_upstream(never) as strong,
        gateway(tmp_path, gated(weak.url, strong.url)) as running,
    ):
        assert await ask(running, BAD.chat()) == ("weak", "scorer_unavailable", calling("Bash"))
        assert await ask(running, BAD.chat()) == ("weak", "scorer_unavailable", asks)
        assert await results(running) == {"goes_on": 2}


async def test_a_call_that_submits_is_a_finish(tmp_path: Path) -> None:
    submits = (calling("submit", stream=True), END)
    async with (
        running_upstream(in_turn(calling("submit"), streaming(submits))) as weak,
        running_upstream(answering(STRONG)) as strong,
        gateway(tmp_path, gated(weak.url, strong.url, maxPerSession=2)) as running,
    ):
        assert (await ask(running, BAD.chat()))[1] == "finish_gate:escalated"
        other = Run(task="Another task.", steps=BAD.steps)
        assert (await ask(running, streamed(other.chat())))[1] == "finish_gate:escalated"


async def test_a_stream_flows_as_soon_as_a_tool_call_begins(tmp_path: Path) -> None:
    first = (event("I run the tests."), calling("Bash", stream=True))
    async with (
        running_upstream(stalling(first)) as weak,
        running_upstream(never) as strong,
        gateway(tmp_path, gated(weak.url, strong.url)) as running,
        running.session.post(
            f"{running.url}/v1/chat/completions", data=streamed(BAD.chat()), headers=HEADERS
        ) as response,
    ):
        came = b""
        async with asyncio.timeout(5):  # the model says nothing more
            while len(came) < len(b"".join(first)):
                came += await response.content.readany()
        assert came == b"".join(first)
        assert response.headers["x-weir-reason"] == "scorer_unavailable"


@pytest.mark.parametrize(
    ("gate", "run"),
    [
        ({"streams": "pass"}, BAD),
        ({"minTurns": 5}, BAD),
        ({}, Run(steps=())),
    ],
)
async def test_what_is_not_looked_at(tmp_path: Path, gate: dict[str, object], run: Run) -> None:
    async with (
        running_upstream(streaming(FINAL_EVENTS)) as weak,
        running_upstream(never) as strong,
        gateway(tmp_path, gated(weak.url, strong.url, **gate)) as running,
    ):
        assert (await ask(running, streamed(run.chat())))[:2] == ("weak", "scorer_unavailable")
        assert await results(running) == {}


def costs(rows: Sequence[Row]) -> set[tuple[int, str, int]]:
    """Part, model and pico-USD of each row."""
    return {(row.part, row.model, row.paid) for row in rows}


async def test_what_a_session_cost_to_the_pico_dollar(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
        gateway(tmp_path, gated(weak.url, strong.url), *ledger_setting(tmp_path)) as running,
    ):
        await ask(running, GOOD.chat())
        await ask(running, Run(task="Another task.", steps=BAD.steps).chat())
    rows = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    given, handed_on = 1_010 * 10**6, 1_020 * 10**7
    assert costs(rows) == {(0, "weak", given), (0, "strong", handed_on), (1, "weak", given)}
    saved = {(row.part, row.model): row.saved for row in rows}
    assert saved == {
        (0, "weak"): 1_010 * 10**7 - given,
        (0, "strong"): 0,
        (1, "weak"): -given,  # paid beside the answer
    }
    reasons = {row.reason for row in rows if row.part == 0}
    assert reasons == {"finish_gate:accepted", "finish_gate:escalated"}


async def test_where_the_strong_one_fails_the_weak_answer_is_given_after_all(
    tmp_path: Path,
) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(in_turn(answering(b"{}", 400), STRONG)) as strong,
        gateway(
            tmp_path, gated(weak.url, strong.url, maxUsd="0.05"), *ledger_setting(tmp_path)
        ) as running,
    ):
        assert await ask(running, BAD.chat()) == ("weak", "fallback:400", WEAK)
        # Nothing was handed over, so the next finish is looked at again.
        assert (await ask(running, BAD.chat()))[1] == "finish_gate:escalated"
    rows = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    first = [row for row in rows if row.reason == "fallback:400"]
    assert costs(first) == {(0, "weak", 1_010 * 10**6)}


@pytest.mark.parametrize("fails", [streaming(FINAL_EVENTS[:1]), resetting])
async def test_an_answer_that_breaks_off_is_not_the_end(tmp_path: Path, fails: Behaviour) -> None:
    async with (
        running_upstream(fails) as weak,
        running_upstream(streaming(FINAL_EVENTS)) as strong,
    ):
        made = gated(weak.url, strong.url)
        made.policies[0].set("failureMode.upstream", ["strong"])
        async with gateway(tmp_path, made) as running:
            model, _, came = await ask(running, streamed(BAD.chat()))
            assert (model, came) == ("strong", b"".join((*FINAL_EVENTS[:2], END)))


async def test_a_session_has_a_ceiling(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(in_turn(calling("Bash"))) as strong,
        gateway(tmp_path, gated(weak.url, strong.url, maxUsd="0.000001")) as running,
    ):
        assert (await ask(running, BAD.chat()))[:2] == ("weak", "finish_gate:ceiling")
        assert not strong.received
        assert await results(running) == {"ceiling": 1}


async def test_equals_check_one_another(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
    ):
        made = gated(weak.url, strong.url, to="other")
        made.policies[0].set("failureMode.scorer", "strong")
        async with gateway(tmp_path, made) as running:
            assert (await ask(running, BAD.chat()))[:2] == ("weak", "finish_gate:escalated")
            other = Run(task="Another task.", steps=GOOD.steps)
            assert (await ask(running, other.chat()))[:2] == ("strong", "finish_gate:accepted")


async def test_a_client_that_leaves_while_its_answer_is_held(tmp_path: Path) -> None:
    async with (
        running_upstream(stalling(FINAL_EVENTS[:1])) as weak,
        running_upstream(never) as strong,
        gateway(tmp_path, gated(weak.url, strong.url), *ledger_setting(tmp_path)) as running,
    ):
        call = asyncio.create_task(ask(running, streamed(BAD.chat())))
        await asyncio.wait_for(weak.arrived.wait(), 5)
        call.cancel()
        await asyncio.wait({call})
        await asyncio.wait_for(weak.exchanges[0].gone.wait(), 5)
        assert not strong.received
    rows = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    assert {row.error for row in rows if row.part == 0} == {"client_gone"}
    assert sum(row.paid for row in rows) > 0  # its prompt was read


async def test_a_client_that_leaves_while_the_other_model_answers(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(never) as strong,
        gateway(tmp_path, gated(weak.url, strong.url), *ledger_setting(tmp_path)) as running,
    ):
        call = asyncio.create_task(ask(running, BAD.chat()))
        await asyncio.wait_for(strong.arrived.wait(), 5)
        call.cancel()
        await asyncio.wait({call})
        await asyncio.wait_for(strong.exchanges[0].gone.wait(), 5)
    rows = await asyncio.to_thread(ledger, tmp_path / "ledger.db")
    assert {(row.part, row.model) for row in rows} == {(0, "weak"), (1, "weak"), (2, "strong")}
    assert {row.paid for row in rows if row.part == 1} == {1_010 * 10**6}


@pytest.mark.parametrize("share", ["20%", "50%"])
async def test_a_share_of_finished_runs(tmp_path: Path, share: str) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
        gateway(tmp_path, gated(weak.url, strong.url, share=share, minTurns=2)) as running,
    ):
        for number in range(100):
            steps = (run_tests(fail=True),) * (1 + number % 4)
            await ask(running, Run(task=f"Task {number}.", steps=steps).chat())
        counted = await results(running)
    assert counted["accepted"] + counted["escalated"] == 100
    assert abs(counted["escalated"] - float(share.removesuffix("%"))) <= 8


async def test_a_client_that_waits_for_a_held_answer_gets_pings(tmp_path: Path) -> None:
    opened = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.chunk(FINAL_EVENTS[0])
        await opened.wait()
        await exchange.chunk(END)
        await exchange.end()

    async with (
        running_upstream(slow) as weak,
        running_upstream(never) as strong,
        gateway(tmp_path, gated(weak.url, strong.url), ("WEIR_STREAM_PING", "200ms")) as running,
        running.session.post(
            f"{running.url}/v1/chat/completions", data=streamed(GOOD.chat()), headers=HEADERS
        ) as response,
    ):
        assert await response.content.readany() == b": ping\n\n"
        opened.set()
        came = (await response.read()).replace(b": ping\n\n", b"")
        assert came == FINAL_EVENTS[0] + END


async def test_past_the_strong_allowance_the_finish_stands(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(WEAK)) as weak,
        running_upstream(answering(STRONG)) as strong,
    ):
        made = gated(weak.url, strong.url)
        made.policies[0].set("limits", {"perKey": {"strongUsdPerDay": "0.000001"}})
        async with gateway(tmp_path, made) as running:
            other = Run(task="Another task.", steps=BAD.steps)
            went = [(await ask(running, run.chat()))[:2] for run in (BAD, other)]
        # A request that alone is more than the allowance passes where nothing else has.
        assert went == [("strong", "finish_gate:escalated"), ("weak", "scorer_unavailable")]
        assert len(strong.received) == 1
