"""What answers say, whole and streamed, on each wire; and whether it is what it should be."""

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_cli.mock_provider import anthropic_wire, openai_wire, responses_wire
from weir_cli.mock_provider.answers import answer
from weir_cli.mock_provider.model_request import ModelRequest, Tool
from weir_wires.answer_content import streamed, whole
from weir_wires.checks import json_violation, same, schema_violation, tool_violation
from weir_wires.content import Said, ToolCall
from weir_wires.prompt_content import Asked
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
    expected = Said(answer(ask(prompt)).text)
    for wire, (body, events) in made(ask(prompt)).items():
        cut = [events[at : at + piece] for at in range(0, len(events), piece)]
        assert whole(wire, body) == streamed(wire, cut) == expected, wire


def test_calls_of_tools_are_read_too() -> None:
    for wire, (body, events) in made(ask("the weather", WEATHER)).items():
        if wire is Wire.OPENAI_COMPLETIONS:  # has no tools
            continue
        for said in (whole(wire, body), streamed(wire, [events])):
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
    assert streamed(wire, [events]) is not None
    first, gap, rest = events.partition(b"\n\n")
    assert streamed(wire, [first + gap, FAILURES[wire] + gap, rest]) is None


@given(st.binary(), st.sampled_from(Wire))
def test_garbage_says_nothing_or_something_but_never_breaks(data: bytes, wire: Wire) -> None:
    for said in (whole(wire, data), streamed(wire, [b"data: " + data + b"\n\n"])):
        assert said is None or isinstance(said, Said)


Violation = Callable[[Asked, Said], str]


def json_only(asked: Asked, said: Said) -> str:
    del asked
    return json_violation(said)


def schema(value: object) -> Asked:
    return Asked((), frozenset({"f"}), value)


NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize(
    ("violation", "asked", "said", "good"),
    [
        (json_only, schema(None), Said(' {"n": 1}\n'), True),
        (json_only, schema(None), Said("```json\n{}\n```"), False),
        (json_only, schema(None), Said("", (ToolCall("f", "{}"),)), True),
        (schema_violation, schema(NUMBER), Said('{"n": 1}'), True),
        (schema_violation, schema(NUMBER), Said('{"n": "1"}'), False),
        (schema_violation, schema(NUMBER), Said("{}"), False),
        (schema_violation, schema(None), Said("prose"), True),
        (schema_violation, schema(NUMBER), Said("", (ToolCall("f", "{}"),)), True),
        (schema_violation, schema({"type": "nonsense"}), Said("{}"), False),
        (schema_violation, schema("nonsense"), Said("{}"), False),
        (schema_violation, schema(7), Said("{}"), False),
        (schema_violation, schema({"$ref": "http://127.0.0.1:9/s"}), Said("{}"), False),
        (schema_violation, schema({"$ref": "file:///etc/passwd"}), Said("{}"), False),
        (schema_violation, schema({"const": "x" * (1 << 18)}), Said("{}"), False),
        (schema_violation, schema({"pattern": "^(a+)+$"}), Said(json.dumps("a" * 99 + "b")), False),
        (tool_violation, schema(None), Said("prose"), True),
        (tool_violation, schema(None), Said("", (ToolCall("f", '{"a": 1}'),)), True),
        (tool_violation, schema(None), Said("", (ToolCall("g", "{}"),)), False),
        (tool_violation, schema(None), Said("", (ToolCall("f", '{"a": '),)), False),
        (tool_violation, schema(None), Said("", (ToolCall("f", "[]"),)), False),
    ],
)
def test_checks(violation: Violation, asked: Asked, said: Said, *, good: bool) -> None:
    assert (violation(asked, said) == "") is good


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("42", " 42.", True),
        ("The answer: Bern", "the answer bern!", True),
        ("ﬁne", "fine", True),
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("yes", "no", False),
        ("4", "-4", False),
        ("- 4", "4", True),
        ("4.5", "45", False),
        ("5%", "5", False),
    ],
)
def test_agreement(one: str, other: str, *, alike: bool) -> None:
    assert same(Said(one), Said(other)) is alike
