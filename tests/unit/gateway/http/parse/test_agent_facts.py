"""Every client wire, and calls written as text, give the same facts for the same conversation."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.agent_conversations import FIRST, WIRES, Conversation, Turn, fenced
from weir_agents.facts import NO_AGENT, AgentFacts
from weir_gateway.domain.errors import BadRequest
from weir_gateway.http.parse import anthropic_messages, openai_chat, openai_responses

FAILED = "F..\n=========== 1 failed, 2 passed in 0.12s ===========\n"
PASSED = "...\n=========== 3 passed in 0.11s ===========\n"


def shell(command: str, result: str, text: str = "") -> Turn:
    return Turn(text, "bash", {"command": command}, result)


READS = shell("cat parser.py", "def parse(): ...")
FAILS = shell("python -m pytest -q", FAILED)
PASSES = shell("python -m pytest -q", PASSED)
EDITS = shell("sed -i 's/a/b/' parser.py", "")
CASES: dict[str, tuple[Conversation, dict[str, object]]] = {
    "first reads": (
        [READS, shell("grep -rn parse .", "a.py:1: parse")],
        {"reads": 1, "searches": 1, "planning": True, "edits": 0, "settled": 2, "results": 2},
    ),
    "tests fail thrice": (
        [READS, FAILS, EDITS, FAILS, EDITS, FAILS],
        {
            "tests_failed": 3,
            "failing_streak": 3,
            "last_tests": "fail",
            "settled": 0,
            "edits": 2,
            "first_edit_turn": 3,
            "edits_since_failure": 0,
            "same_error": 2,
            "idle_repeats": 0,
            "repeated_calls": 3,
            "planning": False,
            "empty_results": 2,
        },
    ),
    "and then pass": (
        [FAILS, EDITS, FAILS, EDITS, PASSES],
        {
            "failing_streak": 0,
            "last_tests": "pass",
            "tests_passed": 1,
            "settled": 2,
            "edits_since_failure": 1,
            "tests_since_edit": 1,
            "error_streak": 0,
        },
    ),
    "the same error again": (
        [shell("make", "make: *** [all] Error 2\nfatal error: no a.h in line 10")] * 3,
        {"errors": 3, "error_streak": 3, "same_error": 2, "idle_repeats": 2, "recent_errors": 3},
    ),
    "done": (
        [EDITS, PASSES, Turn("All done: the tests pass now.")],
        {"done": True, "stopped": True, "claims_tests": True, "turns": 3, "asks": False},
    ),
    "the user speaks": (
        [READS, Turn("Which one?", user="The second."), EDITS],
        {"user_turns": 2, "turns_since_user": 1, "turns": 3, "calls": 2},
    ),
}


def comparable(facts: AgentFacts) -> AgentFacts:
    """Without what wires count in their own way."""
    return replace(facts, tokens=0, edit_chars=0, argument_chars=0)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_is_read_on_every_wire(wire: str, case: str) -> None:
    turns, expected = CASES[case]
    request = WIRES[wire](turns)
    facts = request.facts.agent
    assert {name: getattr(facts, name) for name in expected} == expected
    assert comparable(facts) == comparable(WIRES["chat"](turns).facts.agent)
    assert facts.tokens > 0
    users = [turn.user for turn in turns if turn.user]
    assert [*request.earlier, request.scored_text] == [FIRST, *users]


@pytest.mark.parametrize("case", CASES)
def test_a_conversation_in_text_is_read_as_well(case: str) -> None:
    turns, expected = CASES[case]
    request = fenced(turns)
    facts = request.facts.agent
    same = {name: value for name, value in expected.items() if name != "empty_results"}
    assert {name: getattr(facts, name) for name in same} == same
    assert request.facts.turns == facts.user_turns


def chat(*messages: dict[str, Any], **fields: Any) -> AgentFacts:
    body = json.dumps({"model": "auto", "messages": messages, **fields}).encode()
    return openai_chat.parse(body, {}).facts.agent


def test_a_plain_chat_costs_and_says_nothing() -> None:
    user, model = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
    assert chat(user) is NO_AGENT
    assert chat(user, model, user) is NO_AGENT


def test_an_agents_first_request_has_its_marks() -> None:
    body = {
        "model": "auto",
        "max_tokens": 1,
        "system": "You are an agent for Claude Code, Anthropic's official CLI for Claude.",
        "messages": [{"role": "user", "content": "Find the parser."}],
        "tools": [{"name": "Read"}],
    }
    headers = {"user-agent": "claude-cli/2.1.197 (external, cli)"}
    facts = anthropic_messages.parse(json.dumps(body).encode(), headers).facts.agent
    assert (facts.harness, facts.subagent, facts.turns, facts.user_turns) == (
        *("claude-code", True, 0, 1),
    )


def test_a_programs_words_are_not_the_users() -> None:
    reminder = "<system-reminder>\nThe file changed.\n</system-reminder>"
    blocks = [{"type": "text", "text": reminder}, {"type": "text", "text": "Prove it."}]
    result = {"type": "tool_result", "tool_use_id": "1", "content": "ok", "is_error": True}
    use = {"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": "ls"}}
    body = {
        "model": "auto",
        "max_tokens": 1,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=0a1b2;"},
            {"type": "text", "text": "You are Claude Code."},
        ],
        "messages": [
            {"role": "user", "content": blocks},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result, {"type": "text", "text": reminder}]},
        ],
    }
    request = anthropic_messages.parse(json.dumps(body).encode(), {})
    assert (request.scored_text, request.facts.turns) == ("Prove it.", 1)
    assert request.opening == ("You are Claude Code.", "Prove it.")
    assert (request.facts.agent.turns_since_user, request.facts.agent.last_error) == (1, True)


def test_a_summary_alone_is_scored() -> None:
    summary = "This session is being continued from a previous conversation: prove it."
    facts = chat({"role": "user", "content": summary})
    assert facts.compacted
    body = {"model": "auto", "messages": [{"role": "user", "content": summary}]}
    assert openai_chat.parse(json.dumps(body).encode(), {}).scored_text == summary


def test_items_of_other_kinds_are_calls_as_well() -> None:
    items: list[Any] = [
        {"type": "message", "role": "user", "content": "Go."},
        {"type": "reasoning", "summary": []},
        {
            "type": "local_shell_call",
            "call_id": "1",
            "action": {"type": "exec", "command": ["bash", "-lc", "cargo test"]},
        },
        {"type": "local_shell_call_output", "call_id": "1", "output": "test result: FAILED. 0"},
        {"type": "custom_tool_call", "call_id": "2", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "2", "output": "ok"},
        {"type": "shell_call", "call_id": "3", "action": {"commands": ["pytest"]}},
        {
            "type": "shell_call_output",
            "call_id": "3",
            "output": [{"stdout": "ok", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
        {"type": "apply_patch_call", "call_id": "4", "operation": {"type": "update_file"}},
        {"type": "apply_patch_call_output", "call_id": "4", "status": "failed", "output": "bad"},
        {"type": "mcp_call", "id": "5", "name": "x", "arguments": "{}", "error": "refused"},
    ]
    body = json.dumps({"model": "auto", "input": items}).encode()
    facts = openai_responses.parse(body, {}).facts.agent
    assert (facts.calls, facts.results, facts.edits, facts.errors) == (5, 5, 2, 3)
    assert (facts.tests_failed, facts.tests_passed, facts.failed_edits) == (1, 1, 1)


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
JSONS = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)


@given(
    calls=JSONS,
    older=JSONS,
    call_id=JSONS,
    content=st.none() | st.text(max_size=50),
    role=st.sampled_from(["user", "assistant", "tool", "function"]),
)
def test_no_odd_call_refuses_a_request(
    *, calls: object, older: object, call_id: object, content: str | None, role: str
) -> None:
    odd = {"role": role, "content": content, "tool_calls": calls}
    odd |= {"function_call": older, "tool_call_id": call_id}
    facts = chat({"role": "user", "content": "Hi"}, odd, odd, tools=[{}])
    assert facts.results <= 2


PARTS = st.fixed_dictionaries(
    {"type": JSONS | st.sampled_from(["text", "tool_use", "tool_result", "mcp_tool_use"])},
    optional={
        "text": st.text(max_size=10),
        "id": JSONS,
        "name": JSONS,
        "input": JSONS,
        "tool_use_id": JSONS,
        "content": JSONS,
        "is_error": JSONS,
    },
)


@given(st.lists(PARTS, max_size=5), st.sampled_from(["user", "assistant", "system"]))
def test_odd_blocks_are_read_or_refused_by_name(parts: list[dict[str, Any]], role: str) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": role, "content": parts}]
    body = {"model": "auto", "max_tokens": 1, "messages": messages}
    with suppress(BadRequest):
        facts = anthropic_messages.parse(json.dumps(body).encode(), {}).facts.agent
        assert facts.calls <= len(parts) >= facts.results


ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["function_call", "shell_call", "x_call_output", "mcp_call", "x"])},
    optional=dict.fromkeys(
        ("call_id", "name", "arguments", "action", "output", "error", "status"), JSONS
    ),
)


@given(st.lists(ITEMS, min_size=1, max_size=5))
def test_odd_items_are_read_or_refused_by_name(items: list[dict[str, Any]]) -> None:
    body = json.dumps({"model": "auto", "input": items}).encode()
    with suppress(BadRequest):
        facts = openai_responses.parse(body, {}).facts.agent
        assert facts.calls <= len(items) >= facts.results


def test_what_a_provider_ran_and_replaced_is_read_as_well() -> None:
    ran: list[Any] = [
        {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "1", "content": [{"title": "a"}]},
        {"type": "mcp_tool_use", "id": "2", "name": "get_gauge", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "2", "is_error": True, "content": []},
    ]
    messages: list[Any] = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [{"type": "compaction", "content": "..."}]},
        {"role": "assistant", "content": ran},
        {"role": "user", "content": "And?"},
    ]
    body = json.dumps({"model": "auto", "max_tokens": 1, "messages": messages}).encode()
    facts = anthropic_messages.parse(body, {}).facts.agent
    assert facts.compacted
    assert (facts.calls, facts.web_calls, facts.results, facts.errors) == (2, 1, 2, 1)
    assert (facts.user_turns, facts.turns) == (2, 1)
