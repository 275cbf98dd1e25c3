"""Responses and legacy completions to Anthropic: two pairs as one, nothing lost between them."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.responses import response_of
from support.translating import Json, answered, as_stream, data, encoded, sent, streamed
from weir_wires.errors import MalformedResponse, NotCarried
from weir_wires.registry import WIRES
from weir_wires.responses_to_chat.names import client_name as responses_name
from weir_wires.translator import Fate, ResponseTranslator, Translator
from weir_wires.wire import Wire

MODEL = "claude-sonnet-4-5"
THINKING: Json = {"type": "thinking", "thinking": "hm", "signature": "sig"}
USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "read_gauge", "input": {"gauge": "mill"}}
AUDIO: Json = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
TOOL: Json = {"type": "function", "name": "read_gauge", "parameters": {"type": "object"}}


def to_messages(client: Wire) -> Translator:
    route = WIRES.route(client, {Wire.ANTHROPIC_MESSAGES})
    assert route is not None
    assert route.translator is not None
    return route.translator


def responses_to_messages() -> Translator:
    return to_messages(Wire.OPENAI_RESPONSES)


def completions_to_messages() -> Translator:
    return to_messages(Wire.OPENAI_COMPLETIONS)


def response_translator(**fields: Any) -> ResponseTranslator:
    body: Json = {"model": "auto", "input": "hi", **fields}
    return responses_to_messages().translate(encoded(body), MODEL).response


def message(*content: Json, stop: str = "end_turn") -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 100,
            "cache_creation_input_tokens": 20,
            "output_tokens": 7,
        },
    }


def events_of(whole: Json) -> list[Json]:
    """A stream that says the same."""
    events_given: list[Json] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(whole["content"]):
        empty, deltas = _pieces(block)
        events_given.append({"type": "content_block_start", "index": index, "content_block": empty})
        events_given += [
            {"type": "content_block_delta", "index": index, "delta": d} for d in deltas
        ]
        events_given.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events_given.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}})
    return [*events_given, {"type": "ping"}, {"type": "message_stop"}]


def _pieces(block: Json) -> tuple[Json, list[Json]]:
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": t} for t in block["text"]]
    if block["type"] == "thinking":
        thoughts = [{"type": "thinking_delta", "thinking": t} for t in block["thinking"]]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed]
    pieces = ['{"gauge":', '"mill"}']
    return {**block, "input": {}}, [
        {"type": "input_json_delta", "partial_json": piece} for piece in pieces
    ]


def request(items: list[Json]) -> list[Json]:
    body: Json = {"model": "auto", "input": items, "tools": [TOOL]}
    request, outgoing = sent(responses_to_messages(), body, MODEL)
    assert not outgoing.dropped
    result_found: list[Json] = request["messages"]
    return result_found


@pytest.mark.parametrize("streams", [False, True])
def test_signed_thinking_returns_to_its_provider(streams: bool) -> None:  # noqa: FBT001 - parametrised
    whole = message(THINKING, {"type": "text", "text": "Let me see."}, USE, stop="tool_use")
    if streams:
        events_given = as_stream(events_of(whole), named=True)
        response = response_of(data(streamed(response_translator(stream=True), [events_given])))
    else:
        response = answered(response_translator(), whole)
    assert [item["type"] for item in response["output"]] == [
        "reasoning",
        "message",
        "function_call",
    ]
    assert response["usage"]["input_tokens"] == 130
    assert response["usage"]["input_tokens_details"] == {
        "cached_tokens": 100,
        "cache_write_tokens": 20,
    }
    result: Json = {"type": "function_call_output", "call_id": "toolu_1", "output": "1.42 m"}
    turns = request([{"role": "user", "content": "hi"}, *response["output"], result])
    assert turns[1] == {
        "role": "assistant",
        "content": [THINKING, {"type": "text", "text": "Let me see."}, USE],
    }
    assert turns[2]["content"][0]["tool_use_id"] == "toolu_1"


@given(st.data())
def test_a_stream_cut_at_any_byte_translates_the_same(draw: st.DataObject) -> None:
    whole = message(THINKING, {"type": "text", "text": "Hi."}, USE, stop="tool_use")
    body = as_stream(events_of(whole), named=True)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
    events_given = response_of(data(streamed(response_translator(), pieces)))
    assert (
        events_given["output"]
        == response_of(data(streamed(response_translator(), [body])))["output"]
    )


def test_a_stream_without_its_last_event_is_not_whole() -> None:
    events = events_of(message({"type": "text", "text": "Hi"}))
    with pytest.raises(MalformedResponse):
        streamed(response_translator(), [as_stream(events[:-1], named=True)])


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("input", {"input": [{"role": "user", "content": [AUDIO]}]}),
        ("text.format", {"text": {"format": {"type": "json_object"}}}),
        ("previous_response_id", {"previous_response_id": "resp_1"}),
    ],
)
def test_refusals_name_the_clients_own_field(field: str, body: Json) -> None:
    with pytest.raises(NotCarried) as refused:
        sent(responses_to_messages(), {"model": "a", "input": "hi", **body}, MODEL)
    assert refused.value.param == field
    assert field in refused.value.message


def test_effort_reaches_a_model_that_thinks() -> None:
    body: Json = {"model": "a", "input": "hi", "reasoning": {"effort": "low"}}
    request, outgoing = sent(responses_to_messages(), body, "claude-opus-4-6")
    assert request["output_config"]["effort"] == "low"
    assert not outgoing.dropped


def test_dropped_fields_have_the_clients_names() -> None:
    body: Json = {"model": "a", "input": "hi", "text": {"verbosity": "low"}, "store": True}
    _, outgoing = sent(responses_to_messages(), body, MODEL)
    assert set(outgoing.dropped) == {"store", "text.verbosity"}


@pytest.mark.parametrize(
    ("chat", "client"),
    [
        ("messages[3].content[0].image_url", "input"),
        ("messages[].content[].image_url.detail", "input[].content[].input_image.detail"),
        ("max_tokens", "max_output_tokens"),
        ("tools[0].custom", "tools[0].custom"),
    ],
)
def test_names(chat: str, client: str) -> None:
    assert responses_name(chat) == client


def test_field_tables_have_the_worse_fate() -> None:
    fates = {field.name: field.fate for field in responses_to_messages().fields}
    assert fates["text.verbosity"] is Fate.DROPPED
    assert fates["input[].content[].input_audio"] is Fate.REFUSED
    assert fates["previous_response_id"] is Fate.REFUSED
    assert fates["max_output_tokens"] is Fate.CARRIED
    legacy = {field.name: field.fate for field in completions_to_messages().fields}
    assert legacy["seed"] is Fate.DROPPED
    assert legacy["prompt"] is Fate.CARRIED


def test_legacy_completion() -> None:
    body: Json = {"model": "a", "prompt": "hi", "stop": ["x"], "seed": 1}
    request, outgoing = sent(completions_to_messages(), body, MODEL)
    assert request["max_tokens"] == 16
    assert request["stop_sequences"] == ["x"]
    assert request["messages"][0]["role"] == "user"
    assert outgoing.dropped == ("seed",)
    whole = message({"type": "text", "text": "Hi."}, stop="max_tokens")
    result_found = answered(outgoing.response, whole)
    assert result_found["choices"][0]["text"] == "Hi."
    assert result_found["choices"][0]["finish_reason"] == "length"
    events = streamed(outgoing.response, [as_stream(events_of(whole), named=True)])
    assert events[-1].data == b"[DONE]"
    events_given = [choice for event in data(events) for choice in event["choices"]]
    assert "".join(choice["text"] for choice in events_given) == "Hi."
    assert events_given[-1]["finish_reason"] == "length"
