"""Chat answers and streams as a Responses client gets them."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from support.responses import named, response_of
from support.translating import Json, answered, as_stream, data, encoded, streamed
from weir_wires.errors import MalformedResponse
from weir_wires.responses_to_chat import ResponsesToChat
from weir_wires.responses_to_chat.reasoning import decode_reasoning
from weir_wires.translator import ResponseTranslator

CREATED = 1_700_000_000
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
USAGE: Json = {
    "prompt_tokens": 130,
    "completion_tokens": 7,
    "total_tokens": 137,
    "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
USAGE_OUT: Json = {
    "input_tokens": 130,
    "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 137,
}
BLOCKS: list[Json] = [{"type": "thinking", "thinking": "hm", "signature": "sig"}]


def response_translator(**fields: Any) -> ResponseTranslator:
    translator = ResponsesToChat(clock=lambda: CREATED + 0.7)
    body: Json = {"model": "auto", "input": "hi", **fields}
    return translator.translate(encoded(body), "llama").response


def completion(content: Json, finish: str = "stop", **fields: Any) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", **content}, "finish_reason": finish}
    return {
        "id": "c1",
        "object": "chat.completion",
        "model": "llama",
        "choices": [choice],
        "usage": USAGE,
        **fields,
    }


def call(number: int, arguments: str = "{}", **fields: Any) -> Json:
    function = {"name": f"f{number}", "arguments": arguments}
    return {"id": f"call_{number}", "type": "function", "function": function, **fields}


def test_text() -> None:
    result = answered(
        response_translator(instructions="Be short.", temperature=0.5),
        completion({"content": "Hi"}),
    )
    assert result["output"] == [
        {
            "id": "msg_c1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}],
        }
    ]
    assert result["status"] == "completed"
    assert result["usage"] == USAGE_OUT
    assert result["created_at"] == CREATED
    assert result["instructions"] == "Be short."
    assert result["temperature"] == 0.5
    assert result["store"] is False
    Response.model_validate(result)


def test_reasoning_text_and_calls_in_order() -> None:
    content = {
        "content": "Hi",
        "reasoning_content": "hm",
        "thinking_blocks": BLOCKS,
        "tool_calls": [call(0), call(1)],
    }
    result = answered(response_translator(), completion(content, "tool_calls"))
    kinds = [item["type"] for item in result["output"]]
    assert kinds == ["reasoning", "message", "function_call", "function_call"]
    reasoning, _, first, second = result["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert decode_reasoning(reasoning["encrypted_content"]) == {
        "reasoning_content": "hm",
        "thinking_blocks": BLOCKS,
    }
    assert (first["call_id"], first["name"]) == ("call_0", "f0")
    assert second["call_id"] == "call_1"
    Response.model_validate(result)


def test_repeated_call_ids_are_made_unique() -> None:
    content = {"content": None, "tool_calls": [call(0), call(0), call(1, id=None)]}
    result = answered(response_translator(), completion(content, "tool_calls"))
    assert len({item["call_id"] for item in result["output"]}) == 3


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_cut_short_is_incomplete(finish: str, reason: str) -> None:
    result = answered(response_translator(), completion({"content": "Hi"}, finish))
    assert result["status"] == "incomplete"
    assert result["incomplete_details"] == {"reason": reason}
    assert result["output"][0]["status"] == "incomplete"


def test_refusal_and_empty_answer() -> None:
    result = answered(response_translator(), completion({"content": None, "refusal": "No."}))
    assert result["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    result = answered(response_translator(), completion({"content": None}, usage=None))
    assert result["output"][0]["content"][0]["text"] == ""
    assert result["usage"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"error":{"message":"no"}}',
        b'{"error":"no"}',
        b'{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}',
        b'{"choices":"x"}',
        b"\xff",
    ],
)
def test_a_malformed_answer_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        response_translator().translate(body)


def chunks(*deltas: Json, finish: str | None = "stop") -> list[Json]:
    around: Json = {"id": "c1", "model": "llama", "created": CREATED}
    values: list[Json] = [
        {**around, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    if finish:
        values.append({**around, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return [*values, {**around, "choices": [], "usage": USAGE}]


def stream(*deltas: Json, finish: str | None = "stop", done: bool = True) -> bytes:
    body = as_stream(chunks(*deltas, finish=finish), named=False)
    return body + (b"data: [DONE]\n\n" if done else b"")


def piece(number: int, arguments: str = "", **function: Any) -> Json:
    fields: Json = {"id": f"call_{number}", "type": "function"} if function else {}
    values = {"index": number, **fields, "function": {"arguments": arguments, **function}}
    return {"tool_calls": [values]}


MIXED: tuple[Json, ...] = (
    {"role": "assistant", "content": ""},
    {"reasoning_content": "h"},
    {"reasoning_content": "m"},
    {"thinking_blocks": [{"index": 0, **BLOCKS[0]}]},
    {"content": "Let "},
    {},
    {"content": "me see."},
    piece(0, name="f0"),
    piece(0, '{"a":'),
    piece(1, '{"b"', name="f1"),
    piece(0, "1}"),
    piece(1, ":2}"),
)


def test_stream_event_by_event() -> None:
    events = streamed(
        response_translator(), [stream({"role": "assistant", "content": ""}, {"content": "Hi"})]
    )
    named(events)
    assert [event.name for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    for event in events:
        EVENT.validate_json(event.data)
    done = response_of(data(events))
    assert done["usage"] == USAGE_OUT
    assert done["output"][0]["content"][0]["text"] == "Hi"


def test_a_stream_gives_the_whole_answer() -> None:
    events = streamed(response_translator(), [stream(*MIXED, finish="tool_calls")])
    for event in events:
        EVENT.validate_json(event.data)
    done = response_of(data(events))
    reasoning, message, first, second = done["output"]
    stored = decode_reasoning(reasoning["encrypted_content"])
    assert stored is not None
    assert stored["thinking_blocks"] == [{"index": 0, **BLOCKS[0]}]
    assert message["content"][0]["text"] == "Let me see."
    assert (first["call_id"], first["arguments"]) == ("call_0", '{"a":1}')
    assert (second["call_id"], second["arguments"]) == ("call_1", '{"b":2}')


@given(st.data())
def test_a_stream_cut_at_any_byte_translates_the_same(draw: st.DataObject) -> None:
    body = stream(*MIXED, finish="tool_calls")
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
    assert streamed(response_translator(), pieces) == streamed(response_translator(), [body])


TEXTS = st.lists(st.text(max_size=6), max_size=5)


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3))
def test_pieces_joined_are_the_whole(
    thoughts: list[str], text_given: list[str], calls: list[list[str]]
) -> None:
    deltas: list[Json] = [{"reasoning_content": text} for text in thoughts]
    deltas += [{"content": text} for text in text_given]
    for number, arguments in enumerate(calls):
        deltas.append(piece(number, name="f"))
        deltas += [piece(number, text) for text in arguments]
    done = response_of(data(streamed(response_translator(), [stream(*deltas)])))
    content = {
        "content": "".join(text_given) or None,
        "reasoning_content": "".join(thoughts) or None,
        "tool_calls": [
            {"id": f"call_{n}", "function": {"name": "f", "arguments": "".join(arguments)}}
            for n, arguments in enumerate(calls)
        ],
    }
    whole = answered(response_translator(), completion(content))
    assert _plain(done["output"]) == _plain(whole["output"])


def _plain(output: list[Json]) -> list[Json]:
    return [{name: value for name, value in item.items() if name != "id"} for item in output]


def test_interleaved_thinking_keeps_its_order() -> None:
    deltas: list[Json] = [
        {"reasoning": "a"},
        {"content": "b"},
        {"reasoning": "c"},
        piece(0, name="f"),
    ]
    done = response_of(data(streamed(response_translator(), [stream(*deltas)])))
    kinds = [item["type"] for item in done["output"]]
    assert kinds == ["reasoning", "message", "reasoning", "function_call"]


def test_doubled_reasoning_is_sent_once_and_entries_are_joined() -> None:
    detail = {"index": 0, "type": "reasoning.text"}
    deltas: list[Json] = [
        {
            "reasoning": "a",
            "reasoning_content": "a",
            "reasoning_details": [{**detail, "text": "a"}],
        },
        {
            "reasoning": "b",
            "reasoning_content": "b",
            "reasoning_details": [{**detail, "text": "b"}],
        },
        {"reasoning_details": [{**detail, "signature": "s"}]},
    ]
    (item, _) = response_of(
        data(streamed(response_translator(), [stream(*deltas, {"content": "x"})]))
    )["output"]
    assert item["content"] == [{"type": "reasoning_text", "text": "ab"}]
    stored = decode_reasoning(item["encrypted_content"])
    assert stored is not None
    assert stored["reasoning_details"] == [{**detail, "text": "ab", "signature": "s"}]


def test_refusal_in_a_stream_and_an_empty_stream() -> None:
    done = response_of(
        data(streamed(response_translator(), [stream({"refusal": "No"}, {"refusal": "."})]))
    )
    assert done["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    done = response_of(data(streamed(response_translator(), [stream({"content": ""})])))
    assert done["output"][0]["content"][0]["text"] == ""


def test_a_name_that_comes_after_its_arguments() -> None:
    late: Json = {"tool_calls": [{"index": 0, "id": "x", "function": {"arguments": "{"}}]}
    done = response_of(
        data(streamed(response_translator(), [stream(late, piece(0, "}", name="f"))]))
    )
    assert done["output"][0]["arguments"] == "{}"


def test_length_makes_the_last_event_incomplete() -> None:
    events = streamed(response_translator(), [stream({"content": "Hi"}, finish="length")])
    assert events[-1].name == "response.incomplete"
    assert response_of(data(events))["incomplete_details"] == {"reason": "max_output_tokens"}


def test_without_done_a_finish_reason_is_an_end() -> None:
    events = streamed(response_translator(), [stream({"content": "Hi"}, done=False)])
    assert events[-1].name == "response.completed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: [DONE]\n\n",
        stream({"content": "Hi"}, finish=None, done=False),
        stream({"content": "Hi"}) + b'data: {"error":{"message":"gone"}}\n\n',
        b"data: {\n\n",
        b"data: 7\n\n",
        stream({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "{}"}}]}),
    ],
)
def test_a_broken_stream_never_looks_complete(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        streamed(response_translator(), [body])


def test_unknown_events_are_dropped() -> None:
    strange = as_stream(
        [{"id": "c1", "choices": None, "timings": {}}, {"object": "ping"}], named=False
    )
    events = streamed(response_translator(), [strange + stream({"content": "Hi"})])
    assert response_of(data(events))["output"][0]["content"][0]["text"] == "Hi"


def test_one_megabyte_in_one_event() -> None:
    text = json.dumps("x" * (1 << 20))[1:-1]
    done = response_of(data(streamed(response_translator(), [stream({"content": text})])))
    assert done["output"][0]["content"][0]["text"] == text
