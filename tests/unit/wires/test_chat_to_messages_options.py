"""What a chat request asks for beside its messages, on Anthropic's wire."""

from typing import Any

import pytest

from support.translating import Json, sent
from weir_wires.chat_to_messages import ChatToMessages

TRANSLATOR = ChatToMessages()
OLD = "claude-sonnet-4-5-20250929"
NEW = "claude-opus-4-8"
OTHER = "qwen3-8b"
HI: Json = {"role": "user", "content": "hi"}
HI_OUT: Json = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
CALL: Json = {
    "id": "a",
    "type": "function",
    "function": {"name": "weather", "arguments": "{}"},
}


def outgoing(model: str = OLD, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    body, request_body = sent(TRANSLATOR, {"model": "auto", "messages": [HI], **fields}, model)
    return body, request_body.dropped


TOOL: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


STRICT: Json = {"type": "object", "properties": {}, "additionalProperties": False}
NEW_EFFORT: Json = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
OPTIONS: list[tuple[str, Json, Json, tuple[str, ...]]] = [
    (OLD, {"max_tokens": 7}, {"max_tokens": 7}, ()),
    (OLD, {"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 9}, ()),
    (OLD, {"max_tokens": None}, {}, ()),
    (OLD, {"stop": "END"}, {"stop_sequences": ["END"]}, ()),
    (OLD, {"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}, ()),
    (OLD, {"temperature": 0.5}, {"temperature": 0.5}, ()),
    (OLD, {"temperature": 1.7}, {"temperature": 1.0}, ("temperature",)),
    (OLD, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, ("top_p",)),
    (OLD, {"top_p": 0.9, "top_k": 5}, {"top_p": 0.9, "top_k": 5}, ()),
    (OTHER, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, ()),
    (NEW, {"temperature": 0.5, "top_p": 1}, {}, ("temperature",)),
    (NEW, {"temperature": 1}, {}, ()),
    (OLD, {"user": "u1"}, {"metadata": {"user_id": "u1"}}, ()),
    (OLD, {"user": "u1", "safety_identifier": "s"}, {"metadata": {"user_id": "s"}}, ()),
    (OLD, {"service_tier": "default"}, {"service_tier": "standard_only"}, ()),
    (OLD, {"service_tier": "flex"}, {}, ("service_tier",)),
    (OLD, {"prompt_cache_key": "k"}, {"cache_control": {"type": "ephemeral"}}, ()),
    (
        OLD,
        {"prompt_cache_retention": "24h"},
        {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
        (),
    ),
    (OLD, {"prompt_cache_key": "k", "prompt_cache_options": {"mode": "explicit"}}, {}, ()),
    (OLD, {"stream": True}, {"stream": True}, ()),
    (OLD, {"stream": False, "n": 1, "logprobs": False, "logit_bias": {}}, {}, ()),
    (OLD, {"frequency_penalty": 0, "presence_penalty": 0.0, "modalities": ["text"]}, {}, ()),
    (OLD, {"seed": 1, "store": True, "verbosity": "low"}, {}, ("seed", "store", "verbosity")),
    (OLD, {"metadata": {"a": "b"}, "prediction": {}}, {}, ("metadata", "prediction")),
    (OLD, {"guided_regex": "a+"}, {}, ("guided_regex",)),
    (OLD, {"response_format": {"type": "text"}}, {}, ()),
    (
        OLD,
        {"response_format": {"type": "json_schema", "json_schema": {"schema": STRICT}}},
        {"output_config": {"format": {"type": "json_schema", "schema": STRICT}}},
        (),
    ),
    (NEW, {"reasoning_effort": "high"}, NEW_EFFORT, ()),
    (NEW, {"reasoning_effort": "minimal"}, {**NEW_EFFORT, "output_config": {"effort": "low"}}, ()),
    (NEW, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, ()),
    ("claude-opus-4-6", {"reasoning_effort": "xhigh"}, NEW_EFFORT, ()),
    (OLD, {"reasoning_effort": "none"}, {}, ()),
    (
        OLD,
        {"reasoning_effort": "medium", "temperature": 0.2},
        {"thinking": {"type": "enabled", "budget_tokens": 8192}, "max_tokens": 24_576},
        ("temperature",),
    ),
    (
        OLD,
        {"reasoning_effort": "high", "max_tokens": 4096},
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096},
        (),
    ),
    (
        OLD,
        {"reasoning_effort": "high", "max_tokens": 100},
        {"max_tokens": 100},
        ("reasoning_effort",),
    ),
    (
        OLD,
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000},
        (),
    ),
]


@pytest.mark.parametrize(("model", "fields", "expected", "dropped"), OPTIONS)
def test_options(model: str, fields: Json, expected: Json, dropped: tuple[str, ...]) -> None:
    body, left_out = outgoing(model, **fields)
    assert body == {"model": model, "messages": [HI_OUT], "max_tokens": 16_384, **expected}
    assert left_out == dropped


def test_dropped_message_fields_are_named() -> None:
    _, dropped = outgoing(
        messages=[
            {**HI, "name": "ann"},
            {"role": "assistant", "content": "x", "reasoning_content": "hm", "reasoning": "hm"},
            {
                "role": "user",
                "content": [
                    {
                        "type": "image_url",
                        "image_url": {"url": "https://x.example/a", "detail": "low"},
                    }
                ],
            },
        ]
    )
    assert dropped == (
        "messages[].name",
        "messages[].reasoning_content",
        "messages[].reasoning",
        "messages[].content[].image_url.detail",
    )


CHOICES: list[tuple[Json, Json | None]] = [
    ({}, None),
    ({"tool_choice": "auto"}, {"type": "auto"}),
    ({"tool_choice": "required"}, {"type": "any"}),
    ({"tool_choice": "none"}, {"type": "none"}),
    ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
    (
        {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
        {"type": "tool", "name": "weather"},
    ),
    ({"parallel_tool_calls": True}, None),
    ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    (
        {"tool_choice": "required", "parallel_tool_calls": False},
        {"type": "any", "disable_parallel_tool_use": True},
    ),
]


@pytest.mark.parametrize(("fields", "expected"), CHOICES)
def test_tool_choice(fields: Json, expected: Json | None) -> None:
    assert outgoing(tools=[TOOL], **fields)[0].get("tool_choice") == expected


CLOSED: Json = {"type": "object", "properties": {}, "additionalProperties": False}


def test_tools() -> None:
    bare: Json = {"type": "function", "function": {"name": "now"}}
    strict: Json = {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}
    marked: Json = {**bare, "cache_control": {"type": "ephemeral"}}
    body, dropped = outgoing(tools=[TOOL, bare, strict, marked])
    none: Json = {"type": "object", "properties": {}}
    assert body["tools"] == [
        {
            "name": "weather",
            "description": "Tells the weather",
            "input_schema": TOOL["function"]["parameters"],
        },
        {"name": "now", "input_schema": none},
        {"name": "f", "input_schema": CLOSED, "strict": True},
        {"name": "now", "input_schema": none, "cache_control": {"type": "ephemeral"}},
    ]
    assert list(body)[:3] == ["model", "tools", "messages"]
    assert dropped == ()


def test_no_choice_without_tools() -> None:
    assert "tool_choice" not in outgoing(tool_choice="none", parallel_tool_calls=False)[0]


def test_a_forced_tool_call_turns_thinking_off() -> None:
    fields: Json = {"tools": [TOOL], "tool_choice": "required", "reasoning_effort": "high"}
    old, dropped = outgoing(OLD, **fields)
    assert "thinking" not in old
    assert dropped == ("reasoning_effort",)
    new, dropped = outgoing(NEW, **fields)
    assert "thinking" not in new
    assert new["output_config"] == {"effort": "high"}
    assert dropped == ()


def test_thinking_is_off_where_a_tool_turn_lost_its_thinking() -> None:
    request: Json = {"role": "assistant", "tool_calls": [CALL]}
    thinking_text = {"type": "thinking", "thinking": "hm", "signature": "s"}
    result: Json = {"role": "tool", "tool_call_id": "a", "content": "1"}
    fields: Json = {"reasoning_effort": "high", "tools": [TOOL]}
    body, dropped = outgoing(messages=[HI, request, result], **fields)
    assert "thinking" not in body
    assert dropped == ("reasoning_effort",)
    stored = {**request, "thinking_blocks": [thinking_text]}
    body, dropped = outgoing(messages=[HI, stored, result], **fields)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 16_384}
    assert dropped == ()
