"""Gemini's answers as an OpenAI client gets them."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.translating import (
    Json,
    answered,
    as_stream,
    completion_of,
    data,
    encoded,
    sent,
    streamed,
    whole_events,
)
from weir_wires.chat_to_gemini import ChatToGemini
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.google.answers import GEMINI_ANSWER, GeminiReader, usage_of
from weir_wires.google.errors import GEMINI_ERRORS
from weir_wires.registry import WIRES
from weir_wires.translator import ResponseTranslator
from weir_wires.wire import Wire

USAGE: Json = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 80,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 20,
    "toolUsePromptTokenCount": 3,
    "totalTokenCount": 130,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 60},
        {"modality": "AUDIO", "tokenCount": 40},
    ],
}
THOUGHT: Json = {"text": "Hm. ", "thought": True}
TEXT: Json = {"text": "Let me see."}
CALL: Json = {"functionCall": {"name": "gauge", "args": {"at": "mill"}}, "thoughtSignature": "c2ln"}


def response(**fields: Any) -> ResponseTranslator:
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return ChatToGemini(lambda: 7.0).translate(encoded(body), "gemini-3-pro").response


def gemini(*parts: Json, finish: str | None = "STOP", **fields: Any) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    candidate |= {"finishReason": finish} if finish is not None else {}
    around = {"modelVersion": "gemini-3-pro", "responseId": "r1", "usageMetadata": USAGE}
    return {"candidates": [candidate], **around, **fields}


def test_a_whole_answer() -> None:
    completion = answered(response(), gemini(THOUGHT, TEXT, CALL))
    assert (completion["id"], completion["created"], completion["model"]) == (
        "r1",
        7,
        "gemini-3-pro",
    )
    choice = completion["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    message = choice["message"]
    assert message["reasoning_content"] == "Hm. "
    assert message["content"] == "Let me see."
    assert message["tool_calls"] == [
        {
            "id": "call_r1_0",
            "type": "function",
            "function": {"name": "gauge", "arguments": '{"at": "mill"}'},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        }
    ]
    assert completion["usage"]["prompt_tokens"] == 103
    assert completion["usage"]["completion_tokens"] == 27
    assert completion["usage"]["prompt_tokens_details"]["cached_tokens"] == 80
    assert completion["usage"]["completion_tokens_details"] == {"reasoning_tokens": 20}


def test_the_signature_of_a_text_comes_with_the_message() -> None:
    message = answered(response(), gemini({**TEXT, "thoughtSignature": "c2ln"}))["choices"][0]
    assert message["message"]["extra_content"] == {"google": {"thought_signature": "c2ln"}}


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("NEW", "stop")],
)
def test_why_it_stopped(finish: str, reason: str) -> None:
    assert (
        answered(response(), gemini(TEXT, finish=finish))["choices"][0]["finish_reason"] == reason
    )
    events = as_stream([gemini(TEXT, finish=finish)], named=False)
    assert completion_of(data(streamed(response(), [events])))["finish_reason"] == reason


def test_a_blocked_prompt_is_a_refusal() -> None:
    blocked: Json = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "responseId": "r"}
    choice = answered(response(), blocked)["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    assert "PROHIBITED_CONTENT" in choice["message"]["refusal"]
    completion = completion_of(data(streamed(response(), [as_stream([blocked], named=False)])))
    assert completion["finish_reason"] == "content_filter"
    assert "PROHIBITED_CONTENT" in completion["message"]["refusal"]


def test_an_answer_that_was_withheld_says_why() -> None:
    choice = answered(response(), gemini(finish="SAFETY"))["choices"][0]
    assert "SAFETY" in choice["message"]["refusal"]
    events = as_stream([gemini(finish="SAFETY")], named=False)
    assert "SAFETY" in completion_of(data(streamed(response(), [events])))["message"]["refusal"]


@pytest.mark.parametrize(
    "answer",
    [
        {"candidates": []},
        {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}},
        gemini(finish="MALFORMED_FUNCTION_CALL"),
        gemini({"functionCall": {"args": {}}}),
    ],
)
def test_what_is_no_answer(answer: Json) -> None:
    with pytest.raises(MalformedResponse):
        answered(response(), answer)
    with pytest.raises(MalformedResponse):
        streamed(response(), [as_stream([answer], named=False)])


def test_several_answers() -> None:
    both = gemini(TEXT)
    both["candidates"] = [{**both["candidates"][0], "index": n} for n in (0, 1)]
    assert [choice["index"] for choice in answered(response(), both)["choices"]] == [0, 1]
    events = data(streamed(response(), [as_stream([both], named=False)]))
    ended = [c["index"] for e in events for c in e["choices"] if c["finish_reason"]]
    assert ended == [0, 1]


def test_images_come_beside_the_words() -> None:
    image = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    message = answered(response(), gemini(TEXT, image))["choices"][0]["message"]
    assert message["images"][0]["image_url"]["url"] == "data:image/png;base64,AA=="


def stream_of(*parts: Json) -> bytes:
    events = [gemini(part, finish=None) for part in parts]
    return as_stream([*events, gemini({"text": ""})], named=False)


@given(st.data())
def test_a_stream_cut_at_any_byte_translates_the_same(draw: st.DataObject) -> None:
    body = stream_of(THOUGHT, {"text": "Zoë 😀"}, TEXT, CALL, CALL)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
    translator = response(stream_options={"include_usage": True})
    completion = completion_of(data(streamed(translator, pieces)))
    message = completion["message"]
    assert message["reasoning_content"] == "Hm. "
    assert message["content"] == "Zoë 😀Let me see."
    assert [each["id"] for each in message["tool_calls"]] == ["call_r1_0", "call_r1_1"]
    assert message["tool_calls"][1]["extra_content"]["google"]["thought_signature"] == "c2ln"
    assert completion["finish_reason"] == "tool_calls"
    assert completion["usage"]["completion_tokens"] == 27


def test_a_stream_that_breaks_off_is_not_whole() -> None:
    with pytest.raises(MalformedResponse):
        streamed(response(), [as_stream([gemini(TEXT, finish=None)], named=False)])


def test_the_gateways_own_reading() -> None:
    body = encoded(gemini(THOUGHT, TEXT, CALL))
    expected = Usage(103, 27, 80, reasoning=20, audio_input=40)
    assert usage_of(body) == expected
    content = GEMINI_ANSWER.whole(body)
    assert content is not None
    assert (content.text, content.calls[0].name) == ("Let me see.", "gauge")
    reader = GeminiReader()
    reader.feed(Event("", encoded(gemini(TEXT, finish=None))))
    assert not reader.complete
    reader.feed(Event("", encoded({"usageMetadata": {"promptTokenCount": 0}})))
    reader.feed(Event("", encoded(gemini(finish="STOP"))))
    assert (reader.complete, reader.usage) == (True, expected)


@pytest.mark.parametrize("within", [True, False])
def test_thoughts_are_counted_once(within: bool) -> None:  # noqa: FBT001 - parametrised
    answer = 27 if within else 7
    usage = {"promptTokenCount": 10, "candidatesTokenCount": answer, "thoughtsTokenCount": 20}
    counted = usage_of(encoded({"usageMetadata": {**usage, "totalTokenCount": 37}}))
    assert counted == Usage(10, 27, reasoning=20)


def test_errors() -> None:
    error = {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}
    for body in (json.dumps(error), json.dumps([error])):
        details = GEMINI_ERRORS.read(body.encode())
        assert details is not None
        assert (details.message, details.code) == ("slow down", "RESOURCE_EXHAUSTED")
    assert GEMINI_ERRORS.read(b'{"error": {"message": "another API\'s"}}') is None


def test_what_was_written_and_whether_anything_was() -> None:
    spec = WIRES[Wire.GOOGLE_GEMINI]
    assert spec.written is not None
    assert (
        spec.written(encoded(gemini(THOUGHT, TEXT, CALL))) == 'Hm. Let me see.gauge{"at": "mill"}'
    )
    assert spec.written(b"nothing") == ""
    assert spec.empty is not None
    assert spec.empty(encoded({"candidates": []}))
    assert not spec.empty(encoded({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert not spec.empty(encoded(gemini(TEXT)))


def test_a_whole_answer_as_a_stream() -> None:
    as_one = WIRES[Wire.GOOGLE_GEMINI].as_stream
    assert as_one is not None
    body = json.dumps(gemini(TEXT), indent=1).encode()
    (event,) = whole_events(as_one(body))
    assert json.loads(event.data) == gemini(TEXT)


def test_anthropics_count_of_tokens() -> None:
    route = WIRES.route(Wire.ANTHROPIC_COUNT_TOKENS, {Wire.GOOGLE_COUNT_TOKENS})
    assert route is not None
    assert route.translator is not None
    asked: Json = {"model": "auto", "system": "s", "messages": [{"role": "user", "content": "hi"}]}
    body, outgoing = sent(route.translator, asked, "gemini-2.5-pro")
    counted = body["generateContentRequest"]
    assert counted["model"] == "models/gemini-2.5-pro"
    assert counted["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]
    assert counted["systemInstruction"] == {"parts": [{"text": "s"}]}
    assert answered(outgoing.response, {"totalTokens": 7}) == {"input_tokens": 7}
