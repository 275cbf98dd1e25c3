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


def answers_by_wire(mock_request: ModelRequest) -> Mapping[Wire, tuple[bytes, bytes]]:
    """The stand-in's answer on every wire: whole, and as a stream."""
    model_answer = answer(mock_request)
    by_wire = {
        Wire.OPENAI_CHAT: (
            openai_wire.completion(mock_request, [model_answer]),
            openai_wire.events(mock_request, [model_answer]),
        ),
        Wire.ANTHROPIC_MESSAGES: (
            anthropic_wire.message(mock_request, model_answer),
            anthropic_wire.events(mock_request, model_answer),
        ),
        Wire.OPENAI_RESPONSES: (
            responses_wire.response(mock_request, model_answer),
            responses_wire.events(mock_request, model_answer),
        ),
        Wire.OPENAI_COMPLETIONS: (
            responses_wire.completion(mock_request, [model_answer]),
            responses_wire.completion_events(mock_request, [model_answer]),
        ),
    }
    return {w: (json.dumps(body).encode(), b"".join(ev)) for w, (body, ev) in by_wire.items()}


def mock_request(prompt: str, tool: Tool | None = None) -> ModelRequest:
    return ModelRequest(model="m", prompt=prompt, question=prompt, prompt_tokens=1, tool=tool)


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_all_wires_read_the_same_however_they_are_cut(prompt: str, piece: int) -> None:
    expected = AnswerContent(answer(mock_request(prompt)).text)
    for wire, (body, events) in answers_by_wire(mock_request(prompt)).items():
        cut = [events[at : at + piece] for at in range(0, len(events), piece)]
        assert read_answer(wire, body) == read_stream(wire, cut) == expected, wire


def test_tool_calls_are_read() -> None:
    for wire, (body, events) in answers_by_wire(mock_request("the weather", WEATHER)).items():
        if wire is Wire.OPENAI_COMPLETIONS:  # has no tools
            continue
        for content_read in (read_answer(wire, body), read_stream(wire, [events])):
            assert content_read is not None
            ((name, arguments),) = ((call.name, call.arguments) for call in content_read.calls)
            assert name == "weather"
            assert isinstance(json.loads(arguments), dict)
            assert not content_read.text


FAILURES: Mapping[Wire, bytes] = {
    Wire.OPENAI_CHAT: b'data: {"error":{"message":"overloaded","code":502}}',
    Wire.OPENAI_COMPLETIONS: b'data: {"error":"overloaded"}',
    Wire.ANTHROPIC_MESSAGES: b'event: error\ndata: {"type":"error","error":{"message":"no"}}',
    Wire.OPENAI_RESPONSES: b'event: response.failed\ndata: {"type":"response.failed"}',
}


@pytest.mark.parametrize("wire", FAILURES)
def test_a_failed_stream_has_no_content(wire: Wire) -> None:
    _, events = answers_by_wire(mock_request("an error failed"))[
        wire
    ]  # the words alone are no failure
    assert read_stream(wire, [events]) is not None
    first, gap, rest = events.partition(b"\n\n")
    assert read_stream(wire, [first + gap, FAILURES[wire] + gap, rest]) is None


@given(st.binary(), st.sampled_from(list(WIRES)))
def test_garbage_never_raises(data: bytes, wire: Wire) -> None:
    for content_read in (read_answer(wire, data), read_stream(wire, [b"data: " + data + b"\n\n"])):
        assert content_read is None or isinstance(content_read, AnswerContent)
