"""Chat completions and messages, there and back: what holds for any conversation and answer."""

import contextlib
import json
from typing import Any

import msgspec
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
    message_of,
    sent,
    streamed,
)
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.errors import MalformedResponse, RequestError
from weir_wires.messages_to_chat import MessagesToChat
from weir_wires.translator import ResponseTranslator, Translator

CHAT: Translator = ChatToMessages(clock=lambda: 1.0)
MESSAGES: Translator = MessagesToChat()
CLAUDE = "claude-sonnet-4-5"
OTHER = "qwen3-8b"

WORDS = st.text(min_size=1, max_size=12).filter(lambda texts: not texts.isspace())
NAME = st.text("abcdefgh_", min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECT = st.dictionaries(st.text(max_size=4), JSON, max_size=3)
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
URL = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}


@st.composite
def chats(draw: st.DrawFn) -> list[Json]:
    """A conversation that both wires can hold: no turn empty, none of one role twice."""
    messages: list[Json] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(WORDS)})
    for round_ in range(draw(st.integers(1, 4))):
        shown = draw(st.lists(st.sampled_from([PNG, URL]), max_size=2))
        message_given: Any = (
            [*shown, {"type": "text", "text": draw(WORDS)}] if shown else draw(WORDS)
        )
        messages.append({"role": "user", "content": message_given})
        for step in range(draw(st.integers(0, 2))):
            messages.extend(_steps(draw, f"{round_}_{step}"))
        messages.append({"role": "assistant", "content": draw(WORDS)})
    return [*messages, {"role": "user", "content": draw(WORDS)}]


def _steps(draw: st.DrawFn, key: str) -> list[Json]:
    calls = [
        {
            "id": f"call_{key}_{number}",
            "type": "function",
            "function": {"name": draw(NAME), "arguments": json.dumps(draw(OBJECT))},
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    request: Json = {"role": "assistant", "content": draw(st.none() | WORDS), "tool_calls": calls}
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": draw(WORDS)} for call in calls
    ]
    return [request, *results]


OPTIONS = st.fixed_dictionaries(
    {"max_tokens": st.integers(1, 9999)},
    optional={
        "temperature": st.floats(0, 1),
        "stop": st.lists(WORDS.filter(lambda word: bool(word.strip())), min_size=1, max_size=3),
        "user": NAME,
        "stream": st.just(value=True),
        "tool_choice": st.sampled_from(["auto", "required", "none"]),
    },
)


PARAMETERS = OBJECT.map(lambda more: {"type": "object", "properties": {}, "x-more": more})


@st.composite
def chat_tools(draw: st.DrawFn) -> list[Json]:
    """A few functions."""
    functions = [
        {"name": draw(NAME), "description": draw(WORDS), "parameters": draw(PARAMETERS)}
        for _ in range(draw(st.integers(1, 2)))
    ]
    return [{"type": "function", "function": function} for function in functions]


TOOLS = chat_tools()


@given(chats(), OPTIONS, TOOLS)
def test_a_chat_request_round_trip(messages: list[Json], options: Json, tools: Any) -> None:
    body = {"model": OTHER, "tools": tools, "messages": messages, **options}
    out = CHAT.translate(encoded(body), CLAUDE)
    to_chat = MESSAGES.translate(out.body, OTHER)
    assert (out.dropped, to_chat.dropped) == ((), ())
    response_translator: Json = json.loads(to_chat.body)
    response_translator.pop("stream_options", None)
    assert response_translator == body


@given(chats(), st.data())
def test_a_longer_chat_begins_with_the_same_bytes(
    messages: list[Json], draw: st.DataObject
) -> None:
    """So a provider's cache of the shorter one still holds."""
    cut = draw.draw(
        st.integers(1, len(messages)).filter(
            # An assistant's message at the end is a begun answer, whose white space is trimmed.
            lambda n: messages[n - 1]["role"] not in {"system", "assistant"}
        )
    )
    end = b']}],"max_tokens"'
    short, long = (
        CHAT.translate(encoded({"messages": turns}), CLAUDE).body
        for turns in (messages[:cut], messages)
    )
    assert long.startswith(short[: short.rindex(end)])
    assert short.rindex(end) > 0


@given(chats(), st.data())
def test_a_longer_conversation_begins_with_the_same_bytes(
    messages: list[Json], draw: st.DataObject
) -> None:
    to_messages, _ = sent(CHAT, {"messages": messages}, CLAUDE)
    turns = to_messages["messages"]
    cut = draw.draw(st.integers(1, len(turns)).filter(lambda n: turns[n - 1]["role"] == "user"))
    end = b'],"max_tokens"'
    short, long = (
        MESSAGES.translate(encoded({**to_messages, "messages": some}), OTHER).body
        for some in (turns[:cut], turns)
    )
    assert long.startswith(short[: short.rindex(end)])


@given(chats())
def test_the_same_request_gives_the_same_bytes(messages: list[Json]) -> None:
    request = encoded({"messages": messages})
    assert CHAT.translate(request, CLAUDE).body == CHAT.translate(request, CLAUDE).body


def response_of(translator: Translator) -> ResponseTranslator:
    body: Json = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    wishes: Json = {"stream": True, "stream_options": {"include_usage": True}}
    if translator is CHAT:
        return translator.translate(encoded({**body, **wishes}), CLAUDE).response
    return translator.translate(encoded(body), OTHER).response


def cut_up(draw: st.DrawFn, text: str) -> list[str]:
    bounds = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    return [text[a:b] for a, b in zip([0, *bounds], [*bounds, len(text)], strict=True)]


@st.composite
def messages_answers(draw: st.DrawFn) -> tuple[Json, list[Json]]:
    """An Anthropic answer, whole and as the events of a stream."""
    content = [_block(draw, number) for number in range(draw(st.integers(0, 5)))]
    counts = st.integers(0, 1000)
    usage = {
        "input_tokens": draw(counts),
        "cache_creation_input_tokens": draw(counts),
        "cache_read_input_tokens": draw(counts),
        "output_tokens": draw(counts),
    }
    reason = draw(st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal"]))
    whole: Json = {"id": "msg_1", "type": "message", "role": "assistant", "model": CLAUDE}
    whole |= {"content": content, "stop_reason": reason, "usage": usage}
    opening: Json = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {**usage, "output_tokens": min(1, usage["output_tokens"])},
    }
    events: list[Json] = [{"type": "message_start", "message": opening}]
    for index, block in enumerate(content):
        events.extend({**event, "index": index} for event in _block_events(draw, block))
    closing = {"delta": {"stop_reason": reason}, "usage": {"output_tokens": usage["output_tokens"]}}
    return whole, [*events, {"type": "message_delta", **closing}, {"type": "message_stop"}]


def _block(draw: st.DrawFn, number: int) -> Json:
    kind = draw(st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use"]))
    if kind == "text":
        return {"type": kind, "text": draw(WORDS)}
    if kind == "thinking":
        return {"type": kind, "thinking": draw(WORDS), "signature": draw(WORDS)}
    if kind == "redacted_thinking":
        return {"type": kind, "data": draw(WORDS)}
    return {"type": kind, "id": f"toolu_{number}", "name": draw(NAME), "input": draw(OBJECT)}


_EMPTY: dict[str, Json] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "redacted_thinking": {},
    "tool_use": {"input": {}},
}


def _block_events(draw: st.DrawFn, block: Json) -> list[Json]:
    deltas: list[Json] = []
    if block["type"] == "text":
        deltas = [{"type": "text_delta", "text": piece} for piece in cut_up(draw, block["text"])]
    elif block["type"] == "thinking":
        pieces = cut_up(draw, block["thinking"])
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif block["type"] == "tool_use" and block["input"]:
        pieces = cut_up(draw, json.dumps(block["input"]))
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return [
        {"type": "content_block_start", "content_block": {**block, **_EMPTY[block["type"]]}},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
        {"type": "content_block_stop"},
    ]


@given(messages_answers())
def test_a_messages_streams_deltas_joined_are_the_whole_answer(
    answer: tuple[Json, list[Json]],
) -> None:
    fields, events = answer
    whole = answered(response_of(CHAT), fields)
    joined = completion_of(data(streamed(response_of(CHAT), [as_stream(events, named=True)])))
    message = whole["choices"][0]["message"]
    message_given = {key: value for key, value in message.items() if value is not None}
    if "content" not in message_given:
        message_given["content"] = ""
    assert joined["message"] == message_given
    assert joined["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert joined["usage"] == whole["usage"]


@st.composite
def chat_answers(draw: st.DrawFn) -> tuple[Json, list[Json]]:
    """A chat completion, whole and as the chunks of a stream."""
    message_given: Json = {}
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    if draw(st.booleans()):
        field = draw(st.sampled_from(["reasoning_content", "reasoning"]))
        message_given[field] = draw(WORDS)
        deltas += [{field: piece} for piece in cut_up(draw, message_given[field])]
    if draw(st.booleans()):
        message_given["content"] = draw(WORDS)
        deltas += [{"content": piece} for piece in cut_up(draw, message_given["content"])]
    calls: list[Json] = []
    for number in range(draw(st.integers(0, 3))):
        arguments = json.dumps(draw(OBJECT))
        name = draw(NAME)
        calls.append({"id": f"c{number}", "function": {"name": name, "arguments": arguments}})
        first = {"index": number, "id": f"c{number}", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [first]})
        for piece in cut_up(draw, arguments):
            deltas.append({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    message_given |= {"tool_calls": calls} if calls else {}
    reason = draw(st.sampled_from(["stop", "length", "content_filter"]))
    prompt = draw(st.integers(0, 1000))
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": draw(st.integers(0, 1000)),
        "prompt_tokens_details": {"cached_tokens": draw(st.integers(0, prompt))},
    }
    head = {"id": "chatcmpl-1", "model": OTHER}
    whole = {
        **head,
        "choices": [{"message": message_given, "finish_reason": reason}],
        "usage": usage,
    }
    chunks: list[Json] = [{**head, "choices": [{"index": 0, "delta": d}]} for d in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    return whole, [*chunks, {**head, "choices": [], "usage": usage}]


@given(chat_answers())
def test_a_chats_chunks_joined_are_the_whole_answer(answer: tuple[Json, list[Json]]) -> None:
    fields, chunks = answer
    whole = answered(response_of(MESSAGES), fields)
    joined = message_of(data(streamed(response_of(MESSAGES), [as_stream(chunks, named=False)])))
    assert joined == whole


@given(messages_answers())
def test_a_messages_answer_round_trip(answer: tuple[Json, list[Json]]) -> None:
    """An Anthropic answer seen through chat and back: words, calls and counts are the same."""
    fields, events = answer
    chunks = streamed(response_of(CHAT), [as_stream(events, named=True)])
    to_chat = message_of(
        data(
            streamed(
                response_of(MESSAGES), [b"".join(b"data: " + e.data + b"\n\n" for e in chunks)]
            )
        )
    )
    kinds = ("text", "tool_use")
    texts, uses = (
        [[block for block in message["content"] if block["type"] == kind] for kind in kinds]
        for message in (fields, to_chat)
    )
    assert "".join(b["text"] for b in texts[0]) == "".join(b["text"] for b in uses[0])
    assert texts[1] == uses[1]
    assert to_chat["usage"] == fields["usage"]


def mutated(draw: st.DrawFn, value: Any, depth: int = 0) -> Any:
    """`value` with something in it replaced by any JSON."""
    if depth > 0 and draw(st.integers(0, 5)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        result: Json = value  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        key = draw(st.sampled_from(sorted(result))) if result else None
        return {k: mutated(draw, v, depth + 1) if k == key else v for k, v in result.items()}
    if isinstance(value, list) and value:
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        at = draw(st.integers(0, len(items) - 1))
        return [mutated(draw, v, depth + 1) if i == at else v for i, v in enumerate(items)]
    return draw(JSON)


@st.composite
def wrong_requests(draw: st.DrawFn) -> tuple[Translator, bytes]:
    body: Json = {"model": "auto", "messages": draw(chats()), "tools": draw(TOOLS)}
    body |= {**draw(OPTIONS), "system": "s", "thinking": {"type": "enabled", "budget_tokens": 2000}}
    translator = draw(st.sampled_from([CHAT, MESSAGES]))
    if translator is MESSAGES:
        body = sent(CHAT, body, CLAUDE)[0]
    return translator, json.dumps(mutated(draw, body)).encode()


@given(wrong_requests())
def test_any_request_is_translated_or_refused(
    case: tuple[Translator, bytes],
) -> None:
    translator, body = case
    for model in (CLAUDE, OTHER, "gpt-5", "claude-opus-5"):
        with contextlib.suppress(RequestError):
            msgspec.json.decode(translator.translate(body, model).body)


@given(st.sampled_from([CHAT, MESSAGES]), messages_answers(), chat_answers(), st.data())
def test_any_answer_is_translated_or_malformed(
    translator: Translator,
    messages: tuple[Json, list[Json]],
    chat: tuple[Json, list[Json]],
    draw: st.DataObject,
) -> None:
    whole, events = messages if translator is CHAT else chat
    body = json.dumps(draw.draw(st.composite(mutated)(whole))).encode()
    with contextlib.suppress(MalformedResponse):
        json.loads(response_of(translator).translate(body))
    mutated_events: list[Json] = draw.draw(st.composite(mutated)(events))
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in mutated_events).encode()
    with contextlib.suppress(MalformedResponse):
        data(streamed(response_of(translator), [stream]))


@pytest.mark.parametrize("translator", [CHAT, MESSAGES])
@given(junk=st.binary(max_size=40))
def test_random_bytes_are_refused(translator: Translator, junk: bytes) -> None:
    with contextlib.suppress(RequestError):
        translator.translate(junk, CLAUDE)
    with pytest.raises(MalformedResponse):
        response_of(translator).translate(junk)
    with pytest.raises(MalformedResponse):
        streamed(response_of(translator), [b"data: " + junk])
