"""Chat requests as Bedrock's Converse: what its own service model takes, and what is carried."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.bedrock.model import problems
from support.translating import Json, encoded, sent
from weir_wires.bedrock.blocks import own_id
from weir_wires.bedrock.converse import BEDROCK_CONVERSE
from weir_wires.bedrock.from_chat import ChatToConverse
from weir_wires.errors import NotCarried, RequestError
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-4-8"
NOVA = "us.amazon.nova-2-lite-v1:0"
LLAMA = "meta.llama3-3-70b-instruct-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
PNG = "data:image/png;base64," + base64.b64encode(b"png").decode()
PDF = "data:application/pdf;base64," + base64.b64encode(b"pdf").decode()
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
CALLED: list[Json] = [
    USER,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "wet"},
]

TEXTS = st.text(max_size=12)


def part(text: str) -> Json:
    """A part of text."""
    return {"type": "text", "text": text}


def file(name: str) -> Json:
    """A document."""
    return {"type": "file", "file": {"file_data": PDF, "filename": name}}


def message(role: str, content: str | list[Json]) -> list[Json]:
    """A turn alone."""
    return [{"role": role, "content": content}]


def exchange(call_id: str, name: str, arguments: str, result: str) -> list[Json]:
    """A call and its result."""
    function = {"name": name, "arguments": arguments}
    call = {"id": call_id, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    ]


NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)
PART: st.SearchStrategy[Json] = st.one_of(
    st.builds(part, TEXTS),
    st.just({"type": "image_url", "image_url": {"url": PNG}}),
    st.builds(file, TEXTS),
)
CONTENT: st.SearchStrategy[str | list[Json]] = st.one_of(TEXTS, st.lists(PART, max_size=3))
SPOKEN: st.SearchStrategy[list[Json]] = st.one_of(
    st.builds(message, st.just("user"), CONTENT),
    st.builds(message, st.sampled_from(["system", "assistant"]), TEXTS),
)
EXCHANGE = st.builds(exchange, st.text(max_size=80), NAMES, TEXTS, TEXTS)
TURNS = st.lists(st.one_of(SPOKEN, EXCHANGE), max_size=6)


@settings(max_examples=300)
@given(TURNS, st.sampled_from([CLAUDE, NOVA, LLAMA, PROFILE]), st.booleans())
def test_every_conversation_is_one_that_bedrock_takes(
    turns: list[list[Json]],
    model: str,
    offers: bool,  # noqa: FBT001 - hypothesis names it
) -> None:
    messages = [turn for group in turns for turn in group]
    body = {"messages": [USER, *messages], **({"tools": [TOOL]} if offers else {})}
    fields, request = sent(ChatToConverse(), body, model)
    assert problems("Converse", model, request.body) == ""
    roles = [turn["role"] for turn in fields["messages"]]
    assert roles[0] == "user"
    assert all(one != other for one, other in itertools.pairwise(roles))
    assert all(turn["content"] for turn in fields["messages"])
    blocks = [block for turn in fields["messages"] for block in turn["content"]]
    assert not any("text" in block and not block["text"].strip() for block in blocks)
    used = any("toolUse" in block for block in blocks)
    assert ("toolConfig" in fields) is (offers or used)
    names = [block["document"]["name"] for block in blocks if "document" in block]
    assert len(set(names)) == len(names)


@settings(max_examples=100)
@given(TURNS, st.integers(0, 6))
def test_a_longer_conversation_begins_with_the_shorter_ones_bytes(
    turns: list[list[Json]], cut: int
) -> None:
    messages = [USER, *(turn for group in turns for turn in group)]
    whole = [turn for group in turns[:cut] for turn in group]
    shorter, _ = sent(ChatToConverse(), {"messages": [USER, *whole]}, CLAUDE)
    longer, _ = sent(ChatToConverse(), {"messages": messages}, CLAUDE)
    before, after = (
        json.dumps(fields["messages"])[:-1].rstrip("]}") for fields in (shorter, longer)
    )
    assert after.startswith(before)


@given(st.text(max_size=100), st.text(max_size=100))
def test_unlike_ids_stay_unlike(one: str, other: str) -> None:
    assert (own_id(one) == own_id(other)) is (one == other)
    assert len(own_id(one)) <= 64


OPTIONS: list[tuple[str, str, Json, Json]] = [
    ("a limit", LLAMA, {"max_tokens": 9}, {"inferenceConfig": {"maxTokens": 9}}),
    (
        "sampling",
        LLAMA,
        {"temperature": 0.5, "top_p": 0.9, "stop": "x"},
        {"inferenceConfig": {"temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]}},
    ),
    ("top_k", CLAUDE, {"top_k": 3}, {"additionalModelRequestFields": {"top_k": 3}}),
    (
        "top_k of Nova",
        NOVA,
        {"top_k": 3},
        {"additionalModelRequestFields": {"inferenceConfig": {"topK": 3}}},
    ),
    (
        "a budget",
        CLAUDE,
        {"reasoning_effort": "low"},
        {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}}},
    ),
    (
        "an effort",
        OPUS,
        {"reasoning_effort": "xhigh"},
        {
            "additionalModelRequestFields": {"thinking": {"type": "adaptive"}},
            "outputConfig": {"effort": "xhigh"},
        },
    ),
    (
        "Nova's effort",
        NOVA,
        {"reasoning_effort": "high"},
        {
            "additionalModelRequestFields": {
                "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}
            }
        },
    ),
    (
        "Nova's effort within a limit",
        NOVA,
        {"reasoning_effort": "high", "max_tokens": 9},
        {
            "inferenceConfig": {"maxTokens": 9},
            "additionalModelRequestFields": {
                "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}
            },
        },
    ),
    (
        "gpt-oss",
        GPT_OSS,
        {"reasoning_effort": "minimal"},
        {"additionalModelRequestFields": {"reasoning_effort": "low"}},
    ),
    (
        "own additional fields",
        LLAMA,
        {"additionalModelRequestFields": {"a": 1}},
        {"additionalModelRequestFields": {"a": 1}},
    ),
    ("a tier", LLAMA, {"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}),
    ("the usual tier", LLAMA, {"service_tier": "auto"}, {}),
    ("metadata", LLAMA, {"metadata": {"a": "b"}}, {"requestMetadata": {"a": "b"}}),
    (
        "a guardrail",
        LLAMA,
        {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
        {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}},
    ),
    (
        "a schema",
        CLAUDE,
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": 1}}}},
        {
            "outputConfig": {
                "textFormat": {
                    "type": "json_schema",
                    "structure": {"jsonSchema": {"schema": '{"a": 1}', "name": "answer"}},
                }
            }
        },
    ),
]


@pytest.mark.parametrize(
    ("model", "options", "expected"), [row[1:] for row in OPTIONS], ids=[row[0] for row in OPTIONS]
)
def test_options(model: str, options: Json, expected: Json) -> None:
    fields, request = sent(ChatToConverse(), {"messages": [USER], **options}, model)
    del fields["messages"]
    assert fields == expected
    assert request.dropped == ()
    assert problems("Converse", model, request.body) == ""


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (LLAMA, {"reasoning_effort": "high"}),
        (LLAMA, {"top_k": 4}),
        (LLAMA, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (LLAMA, {"service_tier": "scale"}),
        (LLAMA, {"metadata": {"ä": "b"}}),
        (LLAMA, {"user": "me"}),
        (LLAMA, {"seed": 1}),
        (OPUS, {"temperature": 0.2}),
    ],
)
def test_what_is_left_out_is_named(model: str, options: Json) -> None:
    fields, request = sent(ChatToConverse(), {"messages": [USER], **options}, model)
    assert request.dropped == tuple(options)
    assert set(fields) == {"messages"}


def test_tools_the_choice_among_them_and_their_use() -> None:
    body = {"messages": CALLED, "tools": [TOOL], "tool_choice": "required"}
    fields, _ = sent(ChatToConverse(), body, CLAUDE)
    spec: Json = {"name": "weather", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    assert fields["toolConfig"] == {"tools": [{"toolSpec": spec}], "toolChoice": {"any": {}}}
    use: Json = {"toolUseId": "c1", "name": "weather", "input": {}}
    assert fields["messages"][1]["content"] == [{"toolUse": use}]
    result = {"toolUseId": "c1", "content": [{"text": "wet"}]}
    assert fields["messages"][2]["content"] == [{"toolResult": result}]


def test_tools_that_were_used_are_offered_where_the_client_offers_none() -> None:
    fields, _ = sent(ChatToConverse(), {"messages": CALLED}, CLAUDE)
    assert [tool["toolSpec"]["name"] for tool in fields["toolConfig"]["tools"]] == ["weather"]


def test_no_tools_are_offered_where_none_may_be_used() -> None:
    body: Json = {"messages": [USER], "tools": [TOOL], "tool_choice": "none"}
    fields, _ = sent(ChatToConverse(), body, CLAUDE)
    assert "toolConfig" not in fields
    with pytest.raises(NotCarried, match="tool_choice"):
        ChatToConverse().translate(encoded({**body, "messages": CALLED}), CLAUDE)


def test_cache_breakpoints_are_points_where_the_model_takes_them() -> None:
    part = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    system = {"role": "system", "content": [part]}
    body: Json = {"messages": [system, {"role": "user", "content": [part]}]}
    fields, request = sent(ChatToConverse(), body, NOVA)
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert fields["system"] == fields["messages"][0]["content"] == [{"text": "hi"}, point]
    assert request.dropped == ()
    fields, request = sent(ChatToConverse(), body, LLAMA)
    assert fields["system"] == fields["messages"][0]["content"] == [{"text": "hi"}]
    assert request.dropped == ("cache_control",)


def test_thinking_goes_back_with_its_signature() -> None:
    thinking = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]
    turn = {"role": "assistant", "content": "so", "thinking_blocks": thinking}
    fields, _ = sent(ChatToConverse(), {"messages": [USER, turn, USER]}, CLAUDE)
    assert fields["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "cmVk"}},
        {"text": "so"},
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": [USER], "n": 2}, "n"),
        ({"messages": [USER], "logprobs": True}, "logprobs"),
        ({"messages": [USER], "response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_would_change_the_answer_is_refused(body: Json, param: str) -> None:
    with pytest.raises(NotCarried) as raised:
        ChatToConverse().translate(encoded(body), CLAUDE)
    assert raised.value.param == param


def test_an_image_by_url_is_refused_with_its_place() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    with pytest.raises(NotCarried, match=r"messages\[0\]"):
        ChatToConverse().translate(
            encoded({"messages": [{"role": "user", "content": [part]}]}), CLAUDE
        )


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["messages", "tools", "tool_choice", "metadata", "max_tokens"]))
def test_any_other_body_is_an_error_of_the_client(value: Any, name: str) -> None:
    body = {"messages": [USER], name: value}
    try:
        ChatToConverse().translate(encoded(body), CLAUDE)
    except RequestError as error:
        assert error.message  # noqa: PT017 - it may also be translated


def test_a_messages_clients_breakpoints_are_one_point_at_the_prompts_end() -> None:
    route = WIRES.route(Wire.ANTHROPIC_MESSAGES, {BEDROCK_CONVERSE})
    assert route is not None
    assert route.translator is not None
    text = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    body: Json = {"max_tokens": 9, "messages": [{"role": "user", "content": [text]}]}
    fields, request = sent(route.translator, body, NOVA)
    point = {"cachePoint": {"type": "default"}}
    assert fields["messages"][0]["content"] == [{"text": "hi"}, point]
    assert request.dropped == ()
    fields, request = sent(route.translator, body, LLAMA)
    assert fields["messages"][0]["content"] == [{"text": "hi"}]
    assert request.dropped == ("cache_control",)
