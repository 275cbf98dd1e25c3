"""What real programs send, from their first turns: which agent it is and where it stands."""

import json
from pathlib import Path
from typing import Any

import pytest

import support.agent_sessions
from weir_gateway.domain.request import Request
from weir_gateway.http.parse import anthropic_messages, openai_chat, openai_responses

FOLDER = Path(support.agent_sessions.__file__).parent
PARSERS = {
    "/v1/messages": anthropic_messages.parse,
    "/v1/responses": openai_responses.parse,
    "/v1/chat/completions": openai_chat.parse,
}
PLACEHOLDER = "Placeholder"  # stands for what a program adds


def recorded(name: str) -> Request:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    headers = {header.lower(): value for header, value in read["headers"]}
    parse = PARSERS[read["path"].partition("?")[0]]
    return parse(json.dumps(read["body"]).encode(), headers)


@pytest.mark.parametrize(
    ("name", "harness", "expected"),
    [
        (
            *("turns/claude_code_main", "claude-code"),
            {"turns": 1, "shell_calls": 1, "errors": 1, "last_error": True, "subagent": False},
        ),
        (
            *("turns/claude_code_subagent", "claude-code"),
            {"calls": 2, "reads": 1, "results": 2, "errors": 1, "subagent": True},
        ),
        (
            *("turns/opencode_main", "opencode"),
            {"turns": 3, "tasks": 1, "reads": 1, "errors": 0, "subagent": False},
        ),
        (
            *("turns/opencode_subagent", "opencode"),
            {"turns": 2, "tasks": 0, "reads": 1, "subagent": True},
        ),
        ("claude_code", "claude-code", {"turns": 2, "calls": 2, "results": 2, "subagent": False}),
        ("codex", "codex", {"turns": 2, "edits": 2, "results": 2, "turns_since_user": 2}),
        ("codex_lite", "codex", {"turns": 1, "calls": 1, "results": 1, "turns_since_user": 0}),
        ("codex_mcp", "codex", {"calls": 3, "results": 3, "edits": 1, "reads": 2}),
    ],
)
def test_a_program_is_known_and_its_turns_are_read(
    name: str, harness: str, expected: dict[str, object]
) -> None:
    request = recorded(name)
    facts = request.facts.agent
    assert facts.harness == harness
    assert {field: getattr(facts, field) for field in expected} == expected
    assert PLACEHOLDER not in request.scored_text
    assert request.scored_text


def test_an_agent_and_its_sub_agent_open_their_conversations_differently() -> None:
    assert (
        recorded("turns/claude_code_main").opening != recorded("turns/claude_code_subagent").opening
    )
