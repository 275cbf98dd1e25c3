"""Anthropic's answers and streams as an OpenAI client gets them."""

import itertools
import json
from typing import Any

import pytest

from support.translating import (
    Json,
    answered,
    as_stream,
    completion_of,
    data,
    encoded,
    streamed,
    whole_events,
)
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.translator import ResponseTranslator

CREATED = 1_700_000_000


def response_translator(**fields: Any) -> ResponseTranslator:
    body: Json = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **fields}
    translator = ChatToMessages(clock=lambda: CREATED + 0.7)
    return translator.translate(encoded(body), "claude-sonnet-4-5").response


WITH_USAGE: Json = {"stream": True, "stream_options": {"include_usage": True}}
USAGE: Json = {
    "input_tokens": 10,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 20,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 3},
}
USAGE_OUT: Json = {
    "prompt_tokens": 130,
    "completion_tokens": 7,
    "total_tokens": 137,
    "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 3},
}


def message(content: list[Json], **fields: Any) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": content,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }


TEXT: Json = {"type": "text", "text": "Hello"}
USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, "é"]}}
THOUGHT: Json = {"type": "thinking", "thinking": "hm", "signature": "EqQB=="}
SEALED: Json = {"type": "redacted_thinking", "data": "EqQC"}
SEARCH: Json = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
CALL: Json = {
    "id": "toolu_1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": [1, "é"]}'},
}


def test_a_whole_answer() -> None:
    assert answered(response_translator(), message([TEXT])) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": CREATED,
        "model": "claude-sonnet-4-5",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE_OUT,
    }


SAID: list[tuple[list[Json], Json]] = [
    ([], {"content": ""}),
    ([TEXT, {"type": "text", "text": ", you", "citations": []}], {"content": "Hello, you"}),
    ([TEXT, SEARCH, {"type": "web_search_tool_result", "content": []}], {"content": "Hello"}),
    ([USE], {"content": None, "tool_calls": [json.loads(json.dumps(CALL))]}),
    (
        [TEXT, USE, {**USE, "id": "toolu_2"}],
        {"content": "Hello", "tool_calls": [CALL, {**CALL, "id": "toolu_2"}]},
    ),
    (
        [THOUGHT, SEALED, TEXT],
        {"content": "Hello", "reasoning_content": "hm", "thinking_blocks": [THOUGHT, SEALED]},
    ),
]


@pytest.mark.parametrize(("content", "expected"), SAID)
def test_content(content: list[Json], expected: Json) -> None:
    body = json.dumps(message(content), ensure_ascii=False).encode()
    content_read = json.loads(response_translator().translate(body))["choices"][0]["message"]
    assert content_read == {"role": "assistant", "refusal": None, **expected}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
        (None, "stop"),
    ],
)
def test_why_it_stopped(value: str | None, expected: str) -> None:
    result = answered(response_translator(), message([TEXT], stop_reason=value))
    assert result["choices"][0]["finish_reason"] == expected


def test_a_refusal_has_its_explanation() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "not this"}
    result = answered(
        response_translator(), message([], stop_reason="refusal", stop_details=details)
    )
    assert result["choices"][0]["message"]["refusal"] == "not this"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"input_tokens": 3, "output_tokens": 4},
            {
                "prompt_tokens": 3,
                "completion_tokens": 4,
                "total_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            },
        ),
        (None, None),
    ],
)
def test_usage(usage: Json | None, expected: Json | None) -> None:
    assert answered(response_translator(), message([TEXT], usage=usage)).get("usage") == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"type":"message"}',
        b'{"type":"error","error":{"type":"api_error","message":"boom"}}',
    ],
)
def test_a_malformed_answer_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        response_translator().translate(body)


def begins(index: int, block: Json) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def piece(index: int, kind: str, **fields: str) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def ends(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


OPENING: Json = {
    "type": "message_start",
    "message": message([], stop_reason=None, usage={**USAGE, "output_tokens": 1}),
}


def closing(reason: str = "end_turn", **fields: Any) -> list[Json]:
    delta = {"stop_reason": reason, "stop_sequence": None, **fields}
    return [
        {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]


PING: Json = {"type": "ping"}
STREAM: list[Json] = [
    OPENING,
    PING,
    begins(0, {"type": "thinking", "thinking": "", "signature": ""}),
    piece(0, "thinking_delta", thinking="h"),
    piece(0, "thinking_delta", thinking="m"),
    piece(0, "signature_delta", signature="EqQB=="),
    ends(0),
    begins(1, SEALED),
    ends(1),
    begins(2, {"type": "text", "text": ""}),
    piece(2, "text_delta", text="Hel"),
    piece(2, "text_delta", text=""),
    piece(2, "text_delta", text="lo"),
    {"type": "something_new", "index": 2},
    ends(2),
    begins(3, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}),
    piece(3, "input_json_delta", partial_json=""),
    piece(3, "input_json_delta", partial_json='{"a": '),
    piece(3, "input_json_delta", partial_json='[1, "é"]}'),
    ends(3),
    begins(4, {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}),
    ends(4),
    *closing("tool_use"),
]
NOW: Json = {"id": "toolu_2", "type": "function", "function": {"name": "now", "arguments": "{}"}}


def test_a_stream() -> None:
    events = streamed(response_translator(**WITH_USAGE), [as_stream(STREAM, named=True)])
    assert events[-1] == Event("", b"[DONE]")
    assert completion_of(data(events)) == {
        "id": "msg_1",
        "model": "claude-sonnet-4-5",
        "finish_reason": "tool_calls",
        "usage": USAGE_OUT,
        "message": {
            "role": "assistant",
            "content": "Hello",
            "reasoning_content": "hm",
            "thinking_blocks": [THOUGHT, SEALED],
            "tool_calls": [CALL, NOW],
        },
    }


def test_chunks_are_as_openai_writes_them() -> None:
    chunks = data(
        streamed(
            response_translator(**WITH_USAGE),
            [
                as_stream(
                    [
                        OPENING,
                        begins(0, {"type": "text", "text": ""}),
                        piece(0, "text_delta", text="a"),
                        ends(0),
                        *closing(),
                    ],
                    named=True,
                )
            ],
        )
    )
    head = {
        "id": "msg_1",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": "claude-sonnet-4-5",
    }

    def chunk(delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, "choices": [choice]}

    usage = {key: USAGE_OUT[key] for key in USAGE_OUT}
    assert chunks == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "a"}),
        chunk({}, "stop"),
        {**head, "choices": [], "usage": usage},
    ]


def test_usage_only_where_include_usage_is_set() -> None:
    events = streamed(response_translator(stream=True), [as_stream(STREAM, named=True)])
    assert all("usage" not in chunk for chunk in data(events))
    assert events[-1].data == b"[DONE]"


def test_tool_input_in_a_block_start() -> None:
    stream = [OPENING, begins(0, USE), ends(0), *closing("tool_use")]
    result = completion_of(data(streamed(response_translator(), [as_stream(stream, named=False)])))
    arguments = result["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == USE["input"]


def test_a_refusal_in_a_stream() -> None:
    details = {"type": "refusal", "explanation": "not this"}
    stream = [OPENING, *closing("refusal", stop_details=details)]
    result = completion_of(data(streamed(response_translator(), [as_stream(stream, named=True)])))
    assert result["finish_reason"] == "content_filter"
    assert result["message"]["refusal"] == "not this"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_stream_cut_at_any_byte_translates_the_same(ending: str) -> None:
    stream = as_stream(STREAM, named=True).decode().replace("\n", ending).encode()
    expected = streamed(response_translator(**WITH_USAGE), [stream])
    for cut in range(1, len(stream)):
        assert streamed(response_translator(**WITH_USAGE), [stream[:cut], stream[cut:]]) == expected
    assert (
        streamed(response_translator(**WITH_USAGE), [bytes([byte]) for byte in stream]) == expected
    )


def test_a_broken_stream_never_looks_complete() -> None:
    for length in range(len(STREAM) - 1):
        with pytest.raises(MalformedResponse):
            streamed(response_translator(), [as_stream(STREAM[:length], named=True)])


@pytest.mark.parametrize(
    "stream",
    [
        b"data: nothing\n\n",
        b'data: "text"\n\n',
        b'data: {"index":0}\n\n',
        b'data: {"type":"content_block_delta","delta":7}\n\n',
        as_stream([piece(0, "text_delta", text="before its beginning")], named=True),
        as_stream([{"type": "error", "error": {"type": "overloaded_error"}}], named=True),
        as_stream([{"type": "error"}], named=True),
    ],
)
def test_a_malformed_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(MalformedResponse):
        streamed(response_translator(), [stream])


def test_an_error_in_a_stream_keeps_its_message() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(MalformedResponse, match="Overloaded"):
        streamed(response_translator(), [as_stream([*STREAM[:12], error], named=True)])


def test_events_before_an_error_are_sent() -> None:
    events = response_translator(stream=True).stream()
    stream = whole_events(as_stream(STREAM[:13], named=True))
    sent = b"".join(events.feed(event) for event in stream)
    text_given = [chunk["choices"][0]["delta"].get("content") for chunk in data(whole_events(sent))]
    assert "".join(itertools.filterfalse(lambda word: not word, text_given)) == "Hello"
