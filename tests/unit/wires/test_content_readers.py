"""What answers say, whole and streamed, on each wire."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_cli.mock_provider import anthropic_wire, openai_wire, responses_wire
from weir_cli.mock_provider.answers import answer
from weir_cli.mock_provider.model_request import ModelRequest, Tool
from weir_wires.content import AnswerContent
from weir_wires.content_readers import read_answer, read_stream
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

WEATHER = Tool("weather", {"type": "object", "properties": {"city": {"type": "string"}}})


def made(ask: ModelRequest) -> Mapping[Wire, tuple[bytes, bytes]]:
    """The stand-in's answer on every wire: whole, and as a stream."""
    one = answer(ask)
    told = {
        Wire.OPENAI_CHAT: (openai_wire.completion(ask, [one]), openai_wire.events(ask, [one])),
        Wire.ANTHROPIC_MESSAGES: (
            anthropic_wire.message(ask, one),
            anthropic_wire.events(ask, one),
        ),
        Wire.OPENAI_RESPONSES: (responses_wire.response(ask, one), responses_wire.events(ask, one)),
        Wire.OPENAI_COMPLETIONS: (
            responses_wire.completion(ask, [one]),
            responses_wire.completion_events(ask, [one]),
        ),
    }
    return {w: (json.dumps(body).encode(), b"".join(ev)) for w, (body, ev) in told.items()}


def ask(prompt: str, tool: Tool | None = None) -> ModelRequest:
    return ModelRequest(model="m", prompt=prompt, question=prompt, prompt_tokens=1, tool=tool)


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_all_wires_say_the_same_however_they_are_cut(prompt: str, piece: int) -> None:
    expected = AnswerContent(answer(ask(prompt)).text)
    for wire, (body, events) in made(ask(prompt)).items():
        cut = [events[at : at + piece] for at in range(0, len(events), piece)]
        assert read_answer(wire, body) == read_stream(wire, cut) == expected, wire


def test_calls_of_tools_are_read_too() -> None:
    for wire, (body, events) in made(ask("the weather", WEATHER)).items():
        if wire is Wire.OPENAI_COMPLETIONS:  # has no tools
            continue
        for said in (read_answer(wire, body), read_stream(wire, [events])):
            assert said is not None
            ((name, arguments),) = ((call.name, call.arguments) for call in said.calls)
            assert name == "weather"
            assert isinstance(json.loads(arguments), dict)
            assert not said.text


FAILURES: Mapping[Wire, bytes] = {
    Wire.OPENAI_CHAT: b'data: {"error":{"message":"overloaded","code":502}}',
    Wire.OPENAI_COMPLETIONS: b'data: {"error":"overloaded"}',
    Wire.ANTHROPIC_MESSAGES: b'event: error\ndata: {"type":"error","error":{"message":"no"}}',
    Wire.OPENAI_RESPONSES: b'event: response.failed\ndata: {"type":"response.failed"}',
}


@pytest.mark.parametrize("wire", FAILURES)
def test_a_stream_that_tells_of_a_failure_says_nothing(wire: Wire) -> None:
    _, events = made(ask("an error failed"))[wire]  # the words alone are no failure
    assert read_stream(wire, [events]) is not None
    first, gap, rest = events.partition(b"\n\n")
    assert read_stream(wire, [first + gap, FAILURES[wire] + gap, rest]) is None


@given(st.binary(), st.sampled_from(list(WIRES)))
def test_garbage_says_nothing_or_something_but_never_breaks(data: bytes, wire: Wire) -> None:
    for said in (read_answer(wire, data), read_stream(wire, [b"data: " + data + b"\n\n"])):
        assert said is None or isinstance(said, AnswerContent)
