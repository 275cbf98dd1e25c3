"""On every pair of wires a client is told the tokens that are billed."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.matrix.pairs import CLIENTS, PROVIDERS, Pair, pairs
from support.matrix.said import Json, Said
from weir_wires.bedrock.converse import BEDROCK_CONVERSE
from weir_wires.bedrock.invoke import BEDROCK_INVOKE
from weir_wires.content import Usage
from weir_wires.event import Event, EventReader
from weir_wires.registry import WIRES
from weir_wires.translator import ResponseTranslator
from weir_wires.usage import gemini, messages, openai
from weir_wires.wire import Wire

SAID = Said("It is fine.")
MODEL = "some-model"
COUNT = st.integers(0, 10**6)


def converse(usage: Usage) -> Json:
    return {
        "inputTokens": usage.input - usage.cached_input - usage.cache_write,
        "outputTokens": usage.output,
        "cacheReadInputTokens": usage.cached_input,
        "cacheWriteInputTokens": usage.cache_write,
    }


Writer = tuple[str, Callable[[Usage], Json]]
WRITERS: dict[Wire, Writer] = {
    Wire.OPENAI_CHAT: ("usage", openai.write_chat),
    Wire.ANTHROPIC_MESSAGES: ("usage", messages.write),
    Wire.GOOGLE_GEMINI: ("usageMetadata", gemini.write),
    BEDROCK_CONVERSE: ("usage", converse),
    BEDROCK_INVOKE: ("usage", messages.write),
}
# By name: hypothesis prints what a test is given, and a pair holds whole wires.
TRANSLATED = {str(pair): pair for pair in pairs() if not pair.passes_whole}


def family(wire: Wire) -> Wire:
    """The wire in whose words a provider of `wire` tells its usage."""
    return wire if wire in WRITERS else WIRES[wire].format_of or Wire.OPENAI_CHAT


def translation(pair: Pair, *, stream: bool) -> ResponseTranslator:
    body = {**CLIENTS[pair.client].body(stream=stream), "model": MODEL}
    if stream and pair.client in {Wire.OPENAI_CHAT, Wire.OPENAI_COMPLETIONS}:
        body["stream_options"] = {"include_usage": True}
    route = WIRES.route(pair.client, {pair.provider})
    assert route is not None
    assert route.translator is not None
    return route.translator.translate(json.dumps(body).encode(), MODEL).response


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    plain, cached, written, said, thought = (draw(COUNT) for _ in range(5))
    return Usage(plain + cached + written, said + thought, cached, written, reasoning=thought)


def kept(usage: Usage, *families: Wire) -> Usage:
    """What every wire on the way has a place for."""
    usage = replace(usage, tier="", server_tools=())
    if Wire.GOOGLE_GEMINI in families:  # no cache writes
        usage = replace(usage, cache_write=0)
    if BEDROCK_CONVERSE in families:  # no reasoning
        usage = replace(usage, reasoning=0)
    return usage


def with_usage(body: bytes, field: str, told: Json) -> bytes:
    return json.dumps({**json.loads(body), field: told}).encode()


@pytest.mark.parametrize("named", TRANSLATED)
@given(usage=usages())
def test_of_a_whole_answer(named: str, usage: Usage) -> None:
    pair = TRANSLATED[named]
    name = family(pair.provider)
    field, write = WRITERS[name]
    answer = with_usage(PROVIDERS[pair.provider].whole(SAID), field, write(usage))
    billed = WIRES[pair.provider].usage(answer)
    assert billed is not None
    assert kept(billed, name) == kept(usage, name)
    response = translation(pair, stream=False)
    shown = WIRES[pair.client].usage(response.translate(answer))
    assert shown is not None
    assert kept(shown, name, pair.client) == kept(billed, name, pair.client)


def events_of(pair: Pair, field: str, told: Json) -> list[Event]:
    """The provider's stream with this usage wherever it tells one."""
    reader = EventReader()
    raw = b"".join(PROVIDERS[pair.provider].stream(SAID))
    events: list[Event] = [*reader.feed(raw), *reader.rest()]
    return [Event(event.name, _replaced(event.data, field, told)) for event in events]


def _replaced(data: bytes, field: str, told: Json) -> bytes:
    if f'"{field}"'.encode() not in data:
        return data
    fields: Any = json.loads(data)
    holders: list[Any] = [fields, fields.get("message")]
    for holder in holders:
        if holder and holder.get(field):
            holder[field] = told
    return json.dumps(fields).encode()


SSE = [
    name
    for name, pair in TRANSLATED.items()
    if PROVIDERS[pair.provider].stream_type == "text/event-stream"
]


@pytest.mark.parametrize("named", SSE)
@given(usage=usages())
def test_of_a_stream(named: str, usage: Usage) -> None:
    pair = TRANSLATED[named]
    name = family(pair.provider)
    field, write = WRITERS[name]
    events = events_of(pair, field, write(usage))
    bill = WIRES[pair.provider].reader()
    stream = translation(pair, stream=True).stream()
    out = b""
    for event in events:
        bill.feed(event)
        out += stream.feed(event)
    reader, shown = EventReader(), WIRES[pair.client].reader()
    for event in reader.feed(out + stream.end()):
        shown.feed(event)
    assert bill.usage is not None
    assert shown.usage is not None
    assert kept(bill.usage, name) == kept(usage, name)
    assert kept(shown.usage, name, pair.client) == kept(bill.usage, name, pair.client)
