"""OpenAI's completions and chunks as an Anthropic client gets them."""

import json
from typing import Any

import pytest

from support.translating import Json, answered, as_stream, data, encoded, message_of, streamed
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.messages_to_chat import MessagesToChat
from weir_wires.translator import ResponseTranslator


def response_translator() -> ResponseTranslator:
    body: Json = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    return MessagesToChat().translate(encoded(body), "qwen3-8b").response


USAGE: Json = {
    "prompt_tokens": 130,
    "completion_tokens": 7,
    "total_tokens": 137,
    "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
USAGE_OUT: Json = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 100,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 3},
}
NOTHING_USED: Json = {"input_tokens": 0, "output_tokens": 0}


def completion(message_given: Json, reason: str = "stop", **choice: Any) -> Json:
    message = {"role": "assistant", **message_given}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "qwen3-8b",
        "choices": [{"index": 0, "message": message, "finish_reason": reason, **choice}],
        "usage": USAGE,
    }


def call(number: int | None, call_id: str | None, arguments: str, name: str | None = "f") -> Json:
    result: Json = {"type": "function", "function": {"arguments": arguments}}
    result |= {"index": number} if number is not None else {}
    result |= {"id": call_id} if call_id is not None else {}
    result["function"] |= {"name": name} if name is not None else {}
    return result


def use(call_id: str, given: Json, name: str = "f") -> Json:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def text(words_of: str) -> Json:
    return {"type": "text", "text": words_of}


def thinking_text(text_given: str, signature: str = "weir:reasoning_content:") -> Json:
    return {"type": "thinking", "thinking": text_given, "signature": signature}


def test_a_whole_answer() -> None:
    assert answered(response_translator(), completion({"content": "Hello"})) == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "qwen3-8b",
        "content": [text("Hello")],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": USAGE_OUT,
    }


SIGNED: Json = {"type": "thinking", "thinking": "hm", "signature": "s=="}
DETAIL: Json = {"type": "reasoning.text", "text": "hm", "signature": "s=="}
SAID: list[tuple[Json, list[Json]]] = [
    ({"content": None}, []),
    ({"content": ""}, []),
    ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, [text("ab")]),
    ({"content": None, "refusal": "no"}, [text("no")]),
    (
        {"content": "x", "tool_calls": [call(None, "a", '{"b": 1}'), call(None, "c", "")]},
        [text("x"), use("a", {"b": 1}), use("c", {})],
    ),
    (
        {"tool_calls": [call(None, "a", '{"b": '), call(None, "a", "[1]")]},
        [
            use("a", {"INVALID_JSON": '{"b": '}),
            use("toolu_chatcmpl-1_1", {"INVALID_JSON": "[1]"}),
        ],
    ),
    (
        {"tool_calls": [call(None, None, "null")]},
        [use("toolu_chatcmpl-1_0", {"INVALID_JSON": "null"})],
    ),
    (
        {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"b": 1}}}]},
        [use("a", {"b": 1})],
    ),
    ({"content": "x", "reasoning_content": "hm"}, [thinking_text("hm"), text("x")]),
    ({"content": "x", "reasoning": "hm"}, [thinking_text("hm", "weir:reasoning:"), text("x")]),
    (
        {
            "content": "x",
            "reasoning_content": "hm",
            "thinking_blocks": [SIGNED, {"type": "redacted_thinking", "data": "d"}],
        },
        [
            thinking_text("hm", "weir:thinking_blocks:s=="),
            {"type": "redacted_thinking", "data": "weir:thinking_blocks:d"},
            text("x"),
        ],
    ),
    (
        {
            "content": "x",
            "reasoning": "hm",
            "reasoning_details": [DETAIL, {"type": "reasoning.encrypted", "data": "d"}],
        },
        [
            thinking_text("hm", "weir:reasoning_details:s=="),
            {"type": "redacted_thinking", "data": "weir:reasoning_details:d"},
            text("x"),
        ],
    ),
]


@pytest.mark.parametrize(("message_given", "expected"), SAID)
def test_content(message_given: Json, expected: list[Json]) -> None:
    assert answered(response_translator(), completion(message_given))["content"] == expected


ENDINGS: list[tuple[Json, str, Json, tuple[str, str | None]]] = [
    ({"content": "a"}, "stop", {}, ("end_turn", None)),
    ({"content": "a"}, "length", {}, ("max_tokens", None)),
    ({"content": "a"}, "content_filter", {}, ("refusal", None)),
    ({"content": "a"}, "something_new", {}, ("end_turn", None)),
    ({"refusal": "no"}, "stop", {}, ("refusal", None)),
    ({"tool_calls": [call(None, "a", "{}")]}, "tool_calls", {}, ("tool_use", None)),
    ({"tool_calls": [call(None, "a", "{}")]}, "stop", {}, ("tool_use", None)),
    ({"content": "a"}, "stop", {"stop_reason": "END"}, ("stop_sequence", "END")),
    ({"content": "a"}, "stop", {"stop_reason": 151643}, ("end_turn", None)),
    ({"content": "a"}, "length", {"stop_reason": None}, ("max_tokens", None)),
]


@pytest.mark.parametrize(("message_given", "reason", "more", "expected"), ENDINGS)
def test_why_it_stopped(
    message_given: Json, reason: str, more: Json, expected: tuple[str, str | None]
) -> None:
    result = answered(response_translator(), completion(message_given, reason, **more))
    assert (result["stop_reason"], result["stop_sequence"]) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"usage": None}, NOTHING_USED),
        (
            {"usage": {"prompt_tokens": 5, "completion_tokens": 6, "prompt_cache_hit_tokens": 2}},
            {
                "input_tokens": 3,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 2,
                "output_tokens": 6,
            },
        ),
        (
            {
                "usage": {
                    "prompt_tokens": 5,
                    "completion_tokens": -1,
                    "prompt_tokens_details": {"cached_tokens": 9},
                }
            },
            {
                "input_tokens": 0,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 5,
                "output_tokens": 0,
            },
        ),
        ({"usage": None, "x_groq": {"usage": USAGE}}, USAGE_OUT),
    ],
)
def test_usage_in_every_known_field(fields: Json, expected: Json) -> None:
    assert (
        answered(response_translator(), {**completion({"content": "a"}), **fields})["usage"]
        == expected
    )


@pytest.mark.parametrize("nothing", [None, "", {}])
def test_an_empty_error_is_no_error(nothing: Any) -> None:
    answer = {**completion({"content": "a"}), "error": nothing}
    assert answered(response_translator(), answer)["content"] == [text("a")]


def test_usage_in_the_choice() -> None:
    answer = {**completion({"content": "a"}, usage=USAGE), "usage": None}
    assert answered(response_translator(), answer)["usage"] == USAGE_OUT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[{"index":0}]}',
        b'{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}',
        b'{"error":{"message":"boom","code":500}}',
        b'{"error":"boom"}',
        b"\xff\xfe",
    ],
)
def test_a_malformed_answer_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        response_translator().translate(body)


def chunk(delta: Json | None, reason: str | None = None, **fields: Any) -> Json:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "qwen3-8b",
        "choices": choices,
        **fields,
    }


DONE = b"data: [DONE]\n\n"
FILTERED = chunk(None, prompt_filter_results=[{}])  # what Azure sends first
STREAM: list[Json] = [
    FILTERED,
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "h"}),
    chunk({"reasoning_content": "m"}),
    chunk({"content": "Hel"}),
    chunk({}),
    chunk({"content": None}),
    chunk({"content": "lo"}),
    chunk({"tool_calls": [call(0, "a", "")]}),
    chunk({"tool_calls": [call(0, None, '{"b": ', name=None)]}),
    chunk({"tool_calls": [call(0, None, "1}", name=None)]}),
    chunk({"tool_calls": [call(1, "c", "", name="now")]}),
    chunk({}, "tool_calls"),
    chunk(None, usage=USAGE),
]
STREAM_OUT: Json = {
    "id": "chatcmpl-1",
    "type": "message",
    "role": "assistant",
    "model": "qwen3-8b",
    "content": [thinking_text("hm"), text("Hello"), use("a", {"b": 1}), use("c", {}, "now")],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USAGE_OUT,
}


def test_a_stream() -> None:
    events = streamed(response_translator(), [as_stream(STREAM, named=False) + DONE])
    assert message_of(data(events)) == STREAM_OUT


def test_events_are_as_anthropic_writes_them() -> None:
    stream = [chunk({"role": "assistant", "content": "a"}), chunk({}, "stop")]
    events = streamed(response_translator(), [as_stream(stream, named=False) + DONE])
    assert all(event.name == json.loads(event.data)["type"] for event in events)
    assert data(events) == [
        {
            "type": "message_start",
            "message": {
                "id": "chatcmpl-1",
                "type": "message",
                "role": "assistant",
                "model": "qwen3-8b",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": NOTHING_USED,
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": text("")},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "a"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": NOTHING_USED,
        },
        {"type": "message_stop"},
    ]


def content_of(*deltas: Json, reason: str | None = "stop") -> list[Json]:
    stream = [*(chunk(delta) for delta in deltas), chunk({}, reason)]
    result: list[Json] = message_of(
        data(streamed(response_translator(), [as_stream(stream, named=False)]))
    )["content"]
    return result


PIECES: dict[str, tuple[list[Json], list[Json]]] = {
    "calls in turn": (
        [
            {"tool_calls": [call(0, "a", '{"x":')]},
            {"tool_calls": [call(1, "b", '{"y":')]},
            {"tool_calls": [call(0, None, "1}", name=None), call(1, None, "2}", name=None)]},
        ],
        [use("a", {"x": 1}), use("b", {"y": 2})],
    ),
    "calls without numbers": (
        [{"tool_calls": [call(None, "a", '{"x":1}')]}, {"tool_calls": [call(None, "b", "{}")]}],
        [use("a", {"x": 1}), use("b", {})],
    ),
    "calls without ids, whole": (
        [{"tool_calls": [call(0, None, '{"x":1}'), call(1, "", "{}")]}],
        [use("toolu_chatcmpl-1_0", {"x": 1}), use("toolu_chatcmpl-1_1", {})],
    ),
    "one id twice": (
        [{"tool_calls": [call(0, "a", "{}"), call(1, "a", "{}")]}],
        [use("a", {}), use("toolu_chatcmpl-1_1", {})],
    ),
    "a name that comes late and again": (
        [
            {"tool_calls": [call(0, "a", '{"x"', name=None)]},
            {"tool_calls": [call(0, None, ":1", name="f")]},
            {"tool_calls": [call(0, None, "}", name="f")]},
        ],
        [use("a", {"x": 1})],
    ),
    "arguments as an object": (
        [{"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {}}}]}],
        [use("a", {})],
    ),
    "text after a call": (
        [{"tool_calls": [call(0, "a", "{}")]}, {"content": "so"}],
        [use("a", {}), text("so")],
    ),
    "a refusal": ([{"refusal": "n"}, {"refusal": "o"}], [text("no")]),
    "thinking after text": (
        [{"content": "a"}, {"reasoning": "b"}, {"content": "c"}],
        [text("a"), thinking_text("b", "weir:reasoning:"), text("c")],
    ),
    "signed thinking": (
        [
            {"reasoning_content": "hm", "thinking_blocks": [{**SIGNED, "signature": ""}]},
            {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "s=="}]},
            {"thinking_blocks": [{"type": "redacted_thinking", "data": "d"}]},
            {"content": "x"},
        ],
        [
            thinking_text("hm", "weir:thinking_blocks:s=="),
            {"type": "redacted_thinking", "data": "weir:thinking_blocks:d"},
            text("x"),
        ],
    ),
    "signed thinking that comes whole": (
        [{"reasoning_details": [DETAIL]}, {"content": "x"}],
        [thinking_text("hm", "weir:reasoning_details:s=="), text("x")],
    ),
}


@pytest.mark.parametrize("case", PIECES)
def test_pieces(case: str) -> None:
    deltas, expected = PIECES[case]
    assert content_of(*deltas) == expected


def test_consecutive_calls_end_in_order() -> None:
    deltas = [{"tool_calls": [call(0, "a", "{}")]}, {"tool_calls": [call(1, "b", "{}")]}]
    stream = [*(chunk(delta) for delta in deltas), chunk({}, "tool_calls")]
    events = data(streamed(response_translator(), [as_stream(stream, named=False)]))
    bounds = [
        (event["type"], event["index"]) for event in events if "content_block_s" in event["type"]
    ]
    assert bounds == [
        ("content_block_start", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_stop", 1),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"usage": USAGE}, USAGE_OUT),
        ({"x_groq": {"usage": USAGE}}, USAGE_OUT),
        ({}, NOTHING_USED),
    ],
)
def test_usage_of_a_stream_in_every_known_field(fields: Json, expected: Json) -> None:
    """With the last chunk, as a chunk of its own, on every chunk, or not at all."""
    last = [chunk({"content": "a"}, **fields), chunk({}, "stop", **fields)]
    events = data(streamed(response_translator(), [as_stream(last, named=False)]))
    assert events[-2]["usage"] == expected


@pytest.mark.parametrize("tail", [b"", DONE, b": bye\n\n"])
def test_a_finish_reason_ends_a_stream_without_done(tail: bytes) -> None:
    stream = as_stream([chunk({"content": "a"}), chunk({}, "stop")], named=False)
    assert (
        message_of(data(streamed(response_translator(), [stream + tail])))["stop_reason"]
        == "end_turn"
    )


def test_done_alone_ends_a_stream() -> None:
    stream = as_stream([chunk({"content": "a"})], named=False)
    assert message_of(data(streamed(response_translator(), [stream + DONE])))["content"] == [
        text("a")
    ]


def test_a_broken_stream_never_looks_complete() -> None:
    for length in range(len(STREAM) - 2):
        with pytest.raises(MalformedResponse):
            streamed(response_translator(), [as_stream(STREAM[:length], named=False)])


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_stream_cut_at_any_byte_translates_the_same(ending: str) -> None:
    stream = (as_stream(STREAM, named=False) + DONE).decode().replace("\n", ending).encode()
    expected = streamed(response_translator(), [stream])
    for cut in range(1, len(stream)):
        assert streamed(response_translator(), [stream[:cut], stream[cut:]]) == expected
    assert streamed(response_translator(), [bytes([byte]) for byte in stream]) == expected


@pytest.mark.parametrize(
    "stream",
    [
        b"data: nothing\n\n",
        b"data: [1]\n\n",
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a"}]}}]}\n\ndata: [DONE]\n\n',
        as_stream(
            [
                chunk({"tool_calls": [call(0, "a", "{}")]}),
                chunk({"tool_calls": [call(1, "b", "{}")]}),
                chunk({"tool_calls": [call(0, None, "more", name=None)]}),
            ],
            named=False,
        ),
    ],
)
def test_a_malformed_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(MalformedResponse):
        streamed(response_translator(), [stream])


@pytest.mark.parametrize("error", [{"message": "Overloaded", "code": 503}, "Overloaded"])
def test_an_error_in_a_stream_keeps_its_message(error: Any) -> None:
    with pytest.raises(MalformedResponse, match="Overloaded"):
        streamed(response_translator(), [as_stream([*STREAM[:6], {"error": error}], named=False)])


def test_other_choices_are_left_out() -> None:
    stream = [chunk({"content": "a"}), chunk({}, "stop")]
    other = {"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"}
    stream[0]["choices"].append(other)
    events = streamed(response_translator(), [as_stream(stream, named=False)])
    assert message_of(data(events))["content"] == [text("a")]
    assert events[-1] == Event("message_stop", b'{"type":"message_stop"}')
