"""Stored answers as those of another request: its id, its words about itself, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.translating import Json, encoded, whole_events
from weir_wires.openai.responses import RESPONSES
from weir_wires.registry import WIRES
from weir_wires.replay import for_request
from weir_wires.wire import Wire

TOKEN = "f" * 32
ASKED: Json = {"model": "auto", "input": "hi", "metadata": {"who": "b"}, "user": "b"}
FIRST: Json = {
    "id": "resp_1",
    "object": "response",
    "metadata": {"who": "a"},
    "user": "a",
    "safety_identifier": "a",
    "prompt_cache_key": "a",
    "instructions": "Be short.",
    "output": [{"id": "msg_1", "type": "message", "content": [{"text": "metadata of resp_1"}]}],
}
OWN: Json = FIRST | {
    "id": f"resp_{TOKEN}",
    "metadata": {"who": "b"},
    "user": "b",
    "safety_identifier": None,
    "prompt_cache_key": None,
}


def test_a_whole_response_says_what_its_own_request_says() -> None:
    again = json.loads(for_request(RESPONSES, encoded(FIRST), encoded(ASKED), TOKEN))
    assert again == OWN


def test_what_was_left_out_is_as_the_api_says_it() -> None:
    plain: Json = {"model": "auto", "input": "hi"}
    again = json.loads(for_request(RESPONSES, encoded(FIRST), encoded(plain), TOKEN))
    assert (again["metadata"], again["user"]) == ({}, None)
    bare = json.loads(for_request(RESPONSES, b'{"id":"resp_1"}', encoded(plain), TOKEN))
    assert bare == {"id": f"resp_{TOKEN}"}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_streamed_response_says_it_in_every_event(line_end: str) -> None:
    delta = 'data: {"type":"response.output_text.delta","delta":"\\"response\\" a"}'
    lines = [
        "event: response.created",
        "data: " + json.dumps({"type": "response.created", "response": FIRST}),
        "",
        delta,
        "",
        "event: response.completed",
        "data: " + json.dumps({"type": "response.completed", "response": FIRST}),
        "",
        "",
    ]
    stream = line_end.join(lines).encode()
    again = for_request(RESPONSES, stream, encoded(ASKED), TOKEN)
    events = whole_events(again)
    assert [json.loads(event.data).get("response") for event in events] == [OWN, None, OWN]
    assert [event.name for event in events] == ["response.created", "", "response.completed"]
    assert delta.encode() in again


@pytest.mark.parametrize(
    ("wire", "answer", "again"),
    [
        (
            Wire.OPENAI_CHAT,
            b'{"choices":[{"message":{"tool_calls":[{"id":"call_1"}]}}],"id": "chatcmpl-1"}',
            b'{"choices":[{"message":{"tool_calls":[{"id":"call_1"}]}}],"id": "chatcmpl-%b"}',
        ),
        (
            Wire.OPENAI_CHAT,
            b'data: {"id":"chatcmpl-1"}\n\ndata: {"id":"chatcmpl-1"}\n\ndata: [DONE]\n\n',
            b'data: {"id":"chatcmpl-%b"}\n\ndata: {"id":"chatcmpl-%b"}\n\ndata: [DONE]\n\n',
        ),
        (Wire.ANTHROPIC_MESSAGES, b'{"id":"msg_1","content":[]}', b'{"id":"msg_%b","content":[]}'),
        (
            Wire.ANTHROPIC_MESSAGES,
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1"}}\n\n',
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_%b"}}\n\n',
        ),
    ],
)
def test_an_answer_has_an_id_of_its_own(wire: Wire, answer: bytes, again: bytes) -> None:
    expected = again.replace(b"%b", TOKEN.encode())
    assert for_request(WIRES[wire], answer, encoded(ASKED), TOKEN) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(JSON, JSON, st.booleans())
def test_answers_of_any_form_are_given_again(answer: Any, response: Any, as_event: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    body = json.dumps(answer).encode()
    if as_event:
        body = b"data: " + json.dumps({"response": response, "more": answer}).encode() + b"\n\n"
    for wire in WIRES.values():
        assert for_request(wire, body, encoded(ASKED), TOKEN)


def test_an_answer_that_is_no_json_is_given_as_it_is() -> None:
    for body in (b"", b"\xff", b"{", b"data: {\n\n"):
        assert for_request(RESPONSES, body, encoded(ASKED), TOKEN) == body
