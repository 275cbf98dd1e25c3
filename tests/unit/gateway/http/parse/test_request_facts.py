"""The facts that routing reads from requests of all wires."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Request
from weir_gateway.http.parse import anthropic_messages, openai_completions, openai_responses
from weir_gateway.http.parse.openai_chat import parse
from weir_gateway.http.parse.request_facts import TOKENS_PER_IMAGE
from weir_policy.spec.backend import Capability


def test_scores_only_the_users_own_turns() -> None:
    messages = [
        {"role": "system", "content": "You are an agent with many rules."},
        {"role": "developer", "content": "More rules."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "a long tool result"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "second"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "third"},
                {"type": "future_part", "x": 1},
            ],
        },
    ]
    body = json.dumps({"model": "auto", "messages": messages}).encode()
    request = parse(body, {"x-team": "support", "authorization": "Bearer secret", "cookie": "a"})
    assert request.scored_text == "second\nthird"
    assert request.earlier == ("first",)
    assert request.facts.turns == 2
    assert request.facts.messages == 6
    assert request.facts.images == 1
    assert request.facts.text == "second\nthird"
    assert request.facts.chars == len("first\nsecond\nthird")
    assert request.facts.headers == {"x-team": "support"}
    assert request.needs == {Capability.VISION}
    assert request.prompt_tokens >= TOKENS_PER_IMAGE


def test_reads_needed_capabilities_and_facts() -> None:
    body: dict[str, object] = {
        "model": "auto",
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
        "max_completion_tokens": 20,
        "max_tokens": 10,
        "temperature": 0,
        "stream": True,
        "user": "u1",
    }
    request = parse(json.dumps(body).encode(), {})
    assert request.needs == {Capability.TOOLS, Capability.JSON_SCHEMA}
    assert request.stream
    assert request.max_tokens == 20
    facts = request.facts
    assert (facts.tools, facts.json_schema, facts.temperature, facts.user) == (1, True, 0, "u1")


@pytest.mark.parametrize("cap", [-1, -(2**70), 2**31, 2**70])
@pytest.mark.parametrize(
    ("read", "field"),
    [
        (parse, "max_tokens"),
        (parse, "max_completion_tokens"),
        (openai_responses.parse, "max_output_tokens"),
        (openai_completions.parse, "max_tokens"),
        (anthropic_messages.parse, "max_tokens"),
    ],
)
def test_rejects_an_impossible_token_limit(
    read: Callable[[bytes, dict[str, str]], Request], field: str, cap: int
) -> None:
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": "auto", "messages": messages, "input": "hi", "prompt": "hi", field: cap}
    with pytest.raises(BadRequest) as refused:
        read(json.dumps(body).encode(), {})
    assert refused.value.param in {field, "max_tokens"}


def test_null_fields_count_as_unset() -> None:
    nulls = b'"stream":null,"tools":null,"response_format":null,"max_tokens":null'
    body = (
        b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"temperature":null,'
        b'"user":null,%s}' % nulls
    )
    request = parse(body, {})
    assert not request.stream
    assert not request.needs
    assert request.facts.temperature == 1


@pytest.mark.parametrize(
    ("fields", "several"),
    [({}, False), ({"n": None}, False), ({"n": 1}, False), ({"n": 2}, True), ({"n": "2"}, True)],
)
def test_n_above_one_asks_for_several_answers(fields: dict[str, object], *, several: bool) -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}], **fields}
    assert parse(json.dumps(body).encode(), {}).several is several
    completion = {"model": "auto", "prompt": "hello", **fields}
    assert openai_completions.parse(json.dumps(completion).encode(), {}).several is several


@pytest.mark.parametrize(
    ("prompt", "several"),
    [(["one"], False), (["one", "two"], True), ([1, 2], False), ([[1, 2], [3]], True)],
)
def test_several_prompts_ask_for_several_answers(prompt: object, *, several: bool) -> None:
    body = json.dumps({"model": "auto", "prompt": prompt}).encode()
    assert openai_completions.parse(body, {}).several is several


def test_tools_that_come_in_the_conversation_are_tools() -> None:
    tools: list[dict[str, Any]] = [
        {"type": "function", "name": "f"},
        {"type": "namespace", "name": "n", "tools": []},
    ]
    items: list[dict[str, Any]] = [
        {"type": "additional_tools", "role": "developer", "tools": tools},
        {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x" * 99},
        {"role": "user", "content": "hi"},
    ]
    body = json.dumps({"model": "auto", "input": items}).encode()
    request = openai_responses.parse(body, {})
    assert request.facts.tools == 2
    assert request.needs == {Capability.TOOLS}
    assert request.prompt_tokens > 99 // 3
