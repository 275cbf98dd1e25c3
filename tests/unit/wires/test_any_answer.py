"""Answers with any value in place of any other: never an error but MalformedResponse.

A change that leaves the words alone leaves an answer with the same words.
"""

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.matrix import chat_writing
from support.matrix.chat import ChatProvider
from support.matrix.messages import MessagesProvider
from support.matrix.said import LIMA, OSLO, TOOL_NAME, Called, Finish, Json, Said
from support.responses import response_of
from support.translating import data, message_of, streamed, whole_events
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.registry import WIRES
from weir_wires.translator import ResponseTranslator
from weir_wires.wire import Wire

SAID = Said(
    "Looking.",
    "Both.",
    (Called(TOOL_NAME, OSLO, "call_1"), Called(TOOL_NAME, LIMA, "call_2")),
    Finish.CALLS,
)
FORMS = {Wire.OPENAI_CHAT: ChatProvider(), Wire.ANTHROPIC_MESSAGES: MessagesProvider()}
ASKED: dict[Wire, Json] = {
    Wire.OPENAI_CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    Wire.ANTHROPIC_MESSAGES: {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    Wire.OPENAI_RESPONSES: {"input": "hi"},
    Wire.OPENAI_COMPLETIONS: {"prompt": "hi"},
    Wire.GOOGLE_GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
PAIRS = [
    (client, provider)
    for client in ASKED
    for provider in FORMS
    if client != provider and WIRES.route(client, {provider}) is not None
]
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
# What no answer needs, and what a server may add or write otherwise.
HARMLESS = (
    "id",
    "created",
    "model",
    "object",
    "usage",
    "system_fingerprint",
    "service_tier",
    "new",
)


def translator(client: Wire, provider: Wire) -> ResponseTranslator:
    route = WIRES.route(client, {provider})
    assert route is not None
    assert route.translator is not None
    body = {"model": "auto", **ASKED[client]}
    return route.translator.translate(json.dumps(body).encode(), "a-model").response


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all values within one."""
    yield path
    if isinstance(value, dict | list):
        inner: Any = value.items() if isinstance(value, dict) else enumerate(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType] - JSON of any shape
        for name, field in inner:
            yield from places(field, (*path, name))


def replaced(value: Any, path: tuple[str | int, ...], other: Any) -> Any:
    if not path:
        return other
    changed = copy.deepcopy(value)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = other
    return changed


def data_of(pieces: list[bytes]) -> list[bytes]:
    return [event.data for event in whole_events(b"".join(pieces))]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].short}-{pair[1].short}")
@given(drawn=st.data())
def test_any_value_in_a_whole_answer(pair: tuple[Wire, Wire], drawn: st.DataObject) -> None:
    client, provider = pair
    answer = json.loads(FORMS[provider].whole(SAID))
    path = drawn.draw(st.sampled_from(list(places(answer))))
    changed = replaced(answer, path, drawn.draw(JSON_VALUES))
    body = json.dumps(changed).encode()
    with contextlib.suppress(MalformedResponse):
        assert json.loads(translator(client, provider).translate(body))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].short}-{pair[1].short}")
@given(drawn=st.data())
def test_any_value_in_a_stream(pair: tuple[Wire, Wire], drawn: st.DataObject) -> None:
    client, provider = pair
    pieces = FORMS[provider].stream(SAID)
    events = data_of(pieces)
    number = drawn.draw(st.sampled_from([i for i, e in enumerate(events) if e != b"[DONE]"]))
    event = json.loads(events[number])
    path = drawn.draw(st.sampled_from(list(places(event))))
    changed = json.dumps(replaced(event, path, drawn.draw(JSON_VALUES))).encode()
    events[number] = changed
    stream = [b"data: " + event + b"\n\n" for event in events]
    with contextlib.suppress(MalformedResponse):
        for out in streamed(translator(client, provider), stream):
            assert out.data == b"[DONE]" or json.loads(out.data)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].short}-{pair[1].short}")
@pytest.mark.parametrize("name", HARMLESS)
@given(value=JSON_VALUES)
def test_what_does_no_harm_leaves_the_words(
    pair: tuple[Wire, Wire], name: str, value: object
) -> None:
    client, provider = pair
    answer = json.loads(FORMS[provider].whole(Said("Looking.")))
    body = json.dumps({**answer, name: value}).encode()
    assert b"Looking." in translator(client, provider).translate(body)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].short}-{pair[1].short}")
@given(cut=st.integers(min_value=1, max_value=60))
def test_bytes_that_are_cut_are_no_answer(pair: tuple[Wire, Wire], cut: int) -> None:
    client, provider = pair
    body = FORMS[provider].whole(SAID)
    with pytest.raises(MalformedResponse):
        translator(client, provider).translate(body[:-cut])


def calls_for_messages(events: list[Event]) -> list[str]:
    blocks: list[Json] = message_of(data(events))["content"]
    return [block["input"]["city"] for block in blocks if block["type"] == "tool_use"]


def calls_for_responses(events: list[Event]) -> list[str]:
    items: list[Json] = response_of(data(events))["output"]
    calls = [item for item in items if item["type"] == "function_call"]
    return [json.loads(call["arguments"])["city"] for call in calls]


READERS = {
    Wire.ANTHROPIC_MESSAGES: calls_for_messages,
    Wire.OPENAI_RESPONSES: calls_for_responses,
}


@pytest.mark.parametrize("client", READERS, ids=str)
@given(order=st.permutations([0, 0, 1, 1]), named=st.booleans(), numbered=st.booleans())
def test_pieces_of_two_calls_in_any_order(
    client: Wire,
    order: list[int],
    named: bool,  # noqa: FBT001 - drawn
    numbered: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whichever piece comes first, each call has its own arguments."""
    rest = {0: [OSLO[:5], OSLO[5:]], 1: [LIMA[:5], LIMA[5:]]}
    chunks: list[bytes] = []
    for number in order:
        first = len(rest[number]) == 2
        function: Json = {"arguments": rest[number].pop(0)}
        function |= {"name": TOOL_NAME} if first else {}
        piece: Json = {"index": number if numbered else 0, "function": function}
        piece |= {"id": f"id_{number}"} if first or named or not numbered else {}
        chunks.append(chat_writing.chunk({"tool_calls": [piece]}))
    chunks += chat_writing.ends("tool_calls")
    cities = READERS[client](streamed(translator(client, Wire.OPENAI_CHAT), chunks))
    assert cities == (["Oslo", "Lima"] if order[0] == 0 else ["Lima", "Oslo"])
