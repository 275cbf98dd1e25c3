"""Sessions of Codex and Claude Code against every wire that providers speak: not one error."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from backports import zstd
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from support.agent_sessions import SESSIONS, Session, Tool
from support.gateway import Running, running_gateway, table
from support.matrix.forms import ProviderForm
from support.matrix.pairs import PROVIDERS
from support.matrix.said import Called, Finish, Said
from support.translating import Json, data, message_of, whole_events
from support.upstream import Exchange, Upstream, running_upstream
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

MODEL: Final = "only"
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
ARGUMENTS: Final = '{"input":"x"}'
# All that may be left out: what a model can do without, and fields within items that say how they
# came to be.
DISPENSABLE: Final = (
    *("tools[].web_search", "client_metadata", "reasoning.", "text.verbosity", "prompt_cache_key"),
    *("parallel_tool_calls", "context_management", "cache_control", "thinking", "metadata.user_id"),
    *("input[].", "messages[].", "tools[].", "system[].", "anthropic-beta"),
)


@dataclass
class Serving:
    """A gateway before a provider that speaks one wire."""

    gateway: Running
    upstream: Upstream
    form: ProviderForm

    def say(self, said: Said) -> None:
        """Let the provider answer so from now on."""

        async def behave(exchange: Exchange) -> None:
            await exchange.begin(self.form.stream_type)
            for piece in self.form.stream(said):
                await exchange.chunk(piece)
            await exchange.end()

        self.upstream.behaviour = behave

    async def ask(self, session: Session, body: Json, *, packed: bool = False) -> tuple[Json, str]:
        """The answer's body, put together from its events, and what was left out."""
        content = json.dumps({**body, "model": MODEL}).encode()
        encoding = [("Content-Encoding", "zstd")] if packed else []
        async with self.gateway.session.post(
            self.gateway.url + session.path,
            data=zstd.compress(content) if packed else content,
            headers=[*session.headers, *encoding],
        ) as response:
            events = data(whole_events(await response.read()))
            assert response.status == 200, events
            dropped = response.headers.get("x-weir-dropped", "")
        if "input" not in body:
            return message_of(events), dropped
        for event in events:
            EVENT.validate_python(event)
        assert events[-1]["type"] == "response.completed"
        answer: Json = events[-1]["response"]
        return answer, dropped


def client_wire(session: Session) -> Wire:
    return Wire.OPENAI_RESPONSES if "input" in session.body else Wire.ANTHROPIC_MESSAGES


CASES = [
    (session, wire)
    for session in SESSIONS
    for wire in PROVIDERS
    if wire is not Wire.OPENAI_COMPLETIONS and WIRES.route(client_wire(session), {wire}) is not None
]


@pytest.fixture
async def serving(tmp_path: Path, wire: Wire) -> AsyncIterator[Serving]:
    form = PROVIDERS[wire]
    async with running_upstream(_silent) as upstream:
        made = form.backend(MODEL, upstream.url)
        async with running_gateway(tmp_path, table(made, model="*")) as gateway:
            yield Serving(gateway, upstream, form)


async def _silent(exchange: Exchange) -> None:
    exchange.close()


def sessions_on_wires() -> Any:
    return pytest.mark.parametrize(
        ("session", "wire"), CASES, ids=[f"{s.name}-{wire}" for s, wire in CASES]
    )


@sessions_on_wires()
async def test_every_turn_is_answered(serving: Serving, session: Session, wire: Wire) -> None:
    serving.say(Said("All is well."))
    for turn in session.turns():
        answer, dropped = await serving.ask(session, turn)
        assert "All is well." in json.dumps(answer)
        if client_wire(session) not in {wire, WIRES[wire].format_of}:
            assert all(name.startswith(DISPENSABLE) for name in dropped.split(", ") if name)


@sessions_on_wires()
async def test_every_tool_can_be_called_and_comes_back_under_its_own_name(
    serving: Serving, session: Session, wire: Wire
) -> None:
    if client_wire(session) in {wire, WIRES[wire].format_of}:
        pytest.skip("the client's bytes pass unchanged: its provider knows its tools")
    serving.say(Said("ok"))
    await serving.ask(session, session.body)
    names = list(_offered(json.loads(serving.upstream.received[-1].body)))
    calls = tuple(Called(name, ARGUMENTS, f"call_{n}") for n, name in enumerate(names))
    serving.say(Said(calls=calls, finish=Finish.CALLS))
    answer, _ = await serving.ask(session, session.body)
    assert list(_called(answer)) == session.tools()


@pytest.mark.parametrize("wire", [Wire.OPENAI_CHAT])
@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.name)
async def test_a_session_may_be_compressed(serving: Serving, session: Session) -> None:
    serving.say(Said("All is well."))
    answer, _ = await serving.ask(session, session.body, packed=True)
    assert "All is well." in json.dumps(answer)


def _offered(body: Json) -> Iterator[str]:
    """The names of the functions in a provider's request, whatever its wire."""
    for tool in body.get("tools", body.get("toolConfig", {}).get("tools", ())):
        for function in tool.get("functionDeclarations", [tool]):
            named = function.get("function") or function.get("toolSpec") or function
            yield named["name"]


def _called(answer: Json) -> Iterator[Tool]:
    for item in answer.get("output", answer.get("content", ())):
        if item["type"] == "tool_use":
            yield Tool(item["name"])
        elif item["type"] == "function_call":
            yield Tool(item["name"], "function", item.get("namespace"))
        elif item["type"] == "custom_tool_call":
            assert item["input"] == "x"
            yield Tool(item["name"], "custom", item.get("namespace"))
        elif item["type"] == "tool_search_call":
            yield Tool("tool_search", "tool_search")
