"""Anthropic's requests as InvokeModel takes them for Claude, and its answers back."""

import json

import pytest

from support.translating import Json, encoded, sent
from weir_wires import event_stream
from weir_wires.bedrock import betas
from weir_wires.bedrock.from_messages import ChatToInvoke, MessagesToInvoke
from weir_wires.bedrock.invoke import ChunkReader
from weir_wires.errors import MalformedResponse, NotCarried
from weir_wires.event import Event

CLAUDE = "us.anthropic.claude-sonnet-4-6"
USER = {"role": "user", "content": "hi"}
BASE: Json = {"model": "x", "max_tokens": 9, "messages": [USER]}
VERSION = {"anthropic_version": "bedrock-2023-05-31"}
TOOL: Json = {"name": "t", "input_schema": {"type": "object"}}
# What Claude Code 2 sends as its betas.
CLAUDE_CODE = (
    "claude-code-20250219,interleaved-thinking-2025-05-14, context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,advanced-tool-use-2025-11-20"
)


def body_of(more: Json) -> tuple[Json, tuple[str, ...]]:
    """The body that Bedrock gets, without what every one has, and what was left out."""
    fields, request = sent(MessagesToInvoke(), {**BASE, **more}, CLAUDE)
    assert {name: fields.pop(name) for name in VERSION} == VERSION
    assert fields.pop("max_tokens") == 9
    if fields["messages"] == [USER]:
        del fields["messages"]
    return fields, request.dropped


@pytest.mark.parametrize(
    "same",
    [
        {"system": [{"type": "text", "text": "be", "cache_control": {"type": "ephemeral"}}]},
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "t"}},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"temperature": 0.5, "top_k": 3, "stop_sequences": ["x"]},
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        {"metadata": {"user_id": "u"}},
        {"messages": [USER, {"role": "assistant", "content": [{"type": "text", "text": "{"}]}]},
    ],
)
def test_content_passes_as_it_is(same: Json) -> None:
    assert body_of(same) == (same, ())


def test_the_url_has_the_model_and_the_streaming() -> None:
    assert body_of({"stream": True}) == ({}, ())


ELSEWHERE: list[tuple[Json, Json, tuple[str, ...]]] = [
    ({"service_tier": "auto"}, {}, ("service_tier",)),
    ({"speed": "fast", "new": 1}, {}, ("speed", "new")),
    (
        {"output_format": {"type": "json_schema", "schema": {}}},
        {"output_config": {"format": {"type": "json_schema", "schema": {}}}},
        (),
    ),
    (
        {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}},
        {
            "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
            "anthropic_beta": ["context-management-2025-06-27"],
        },
        (),
    ),
    (
        {"tools": [{**TOOL, "defer_loading": True}]},
        {
            "tools": [{**TOOL, "defer_loading": True}],
            "anthropic_beta": ["tool-search-tool-2025-10-19"],
        },
        (),
    ),
    (
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}, TOOL]},
        {"tools": [TOOL]},
        ("tools[].web_search_20250305",),
    ),
    (
        {"system": [{"type": "text", "text": "s", "cache_control": {"scope": "global"}}]},
        {"system": [{"type": "text", "text": "s", "cache_control": {}}]},
        ("cache_control.scope",),
    ),
    (
        {"cache_control": {"type": "ephemeral"}},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
                    ],
                }
            ]
        },
        (),
    ),
]


@pytest.mark.parametrize(("more", "expected", "dropped"), ELSEWHERE)
def test_what_bedrock_has_elsewhere_or_not_at_all(
    more: Json, expected: Json, dropped: tuple[str, ...]
) -> None:
    assert body_of(more) == (expected, dropped)


def test_a_scope_in_a_tools_input_is_the_clients_own() -> None:
    use = {"type": "tool_use", "id": "a", "name": "t", "input": {"cache_control": {"scope": 1}}}
    turn = {"role": "assistant", "content": [use]}
    assert body_of({"messages": [USER, turn]}) == ({"messages": [USER, turn]}, ())


@pytest.mark.parametrize("name", ["container", "mcp_servers", "inference_geo"])
def test_what_only_anthropic_has_is_refused(name: str) -> None:
    with pytest.raises(NotCarried) as raised:
        MessagesToInvoke().translate(encoded({**BASE, name: "x"}), CLAUDE)
    assert raised.value.param == name


def test_betas_that_bedrock_knows_go_into_the_body() -> None:
    adopted = betas.adopt(b'{"a":1}', {"anthropic-beta": CLAUDE_CODE})
    assert json.loads(adopted.body) == {
        "a": 1,
        "anthropic_beta": [
            "interleaved-thinking-2025-05-14",
            "context-management-2025-06-27",
            "tool-search-tool-2025-10-19",
            "tool-examples-2025-10-29",
        ],
    }
    assert adopted.dropped == (
        "anthropic-beta: claude-code-20250219",
        "anthropic-beta: prompt-caching-scope-2026-01-05",
    )


def test_without_such_betas_the_body_has_no_field_for_them() -> None:
    body = b'{"a":1}'
    assert betas.adopt(body, {}).body is body
    assert betas.adopt(body, {"anthropic-beta": "claude-code-20250219"}).body is body


def test_each_beta_is_named_once() -> None:
    body = b'{"anthropic_beta":["context-management-2025-06-27"]}'
    adopted = betas.adopt(body, {"anthropic-beta": "context-management-2025-06-27"})
    assert json.loads(adopted.body) == json.loads(body)


def test_a_chat_request_becomes_anthropics_and_then_bedrocks() -> None:
    body = {"messages": [USER], "max_tokens": 9, "stream": True, "service_tier": "auto"}
    fields, request = sent(ChatToInvoke(), body, CLAUDE)
    content = [{"type": "text", "text": "hi"}]
    assert fields == {
        **VERSION,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": content}],
    }
    assert request.dropped == ("service_tier",)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            Event(event_stream.EXCEPTION + "throttlingException", b'{"message":"slow down"}'),
            "throttlingException: slow down",
        ),
        (
            Event("error", b'{"type":"error","error":{"type":"overloaded_error","message":"hm"}}'),
            "error: hm",
        ),
    ],
)
def test_a_failure_within_the_stream(event: Event, words: str) -> None:
    stream = MessagesToInvoke().translate(encoded(BASE), CLAUDE).response.stream()
    with pytest.raises(MalformedResponse, match=words):
        stream.feed(event)


def test_a_stream_without_its_last_event_is_no_answer() -> None:
    stream = MessagesToInvoke().translate(encoded(BASE), CLAUDE).response.stream()
    stream.feed(Event("message_start", b'{"type":"message_start"}'))
    with pytest.raises(MalformedResponse):
        stream.end()


@pytest.mark.parametrize(
    "payload", [b'{"bytes":"?"}', b"[]", b'{"bytes":"e30"', b'{"bytes":"Ww=="}']
)
def test_chunks_that_hold_no_event(payload: bytes) -> None:
    with pytest.raises(MalformedResponse):
        ChunkReader().feed(event_stream.write(payload, "chunk"))
