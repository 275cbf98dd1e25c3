"""Which tools an answer calls, on every wire of agents, whole and as events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.routing.cascade.gate_plan import GATED_WIRES
from weir_wires.call_names import READABLE, call_names
from weir_wires.wire import Wire

CHAT, MESSAGES, RESPONSES, GEMINI = (
    Wire.OPENAI_CHAT,
    Wire.ANTHROPIC_MESSAGES,
    Wire.OPENAI_RESPONSES,
    Wire.GOOGLE_GEMINI,
)
FUNCTION = {"index": 0, "id": "c1", "type": "function", "function": {"name": "Bash"}}


CASES: list[tuple[Wire, dict[str, Any], tuple[str, ...]]] = [
    (CHAT, {"choices": [{"delta": {"tool_calls": [FUNCTION]}}]}, ("Bash",)),
    (CHAT, {"choices": [{"message": {"tool_calls": [FUNCTION]}}]}, ("Bash",)),
    (CHAT, {"choices": [{"delta": {"function_call": {"name": "run"}}}]}, ("run",)),
    (CHAT, {"choices": [{"delta": {"tool_calls": []}}]}, ()),
    (CHAT, {"choices": [{"message": {"content": "x", "tool_calls": None}}]}, ()),
    # What follows the beginning of a call has no name.
    (CHAT, {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "{"}}]}}]}, ()),
    (MESSAGES, {"content_block": {"type": "tool_use", "name": "Bash"}}, ("Bash",)),
    (
        MESSAGES,
        {"content": [{"type": "text"}, {"type": "tool_use", "name": "Edit"}]},
        ("Edit",),
    ),
    (MESSAGES, {"content_block": {"type": "server_tool_use", "name": "web_search"}}, ()),
    (MESSAGES, {"delta": {"stop_reason": "tool_use"}}, ()),
    (RESPONSES, {"item": {"type": "function_call", "name": "Bash"}}, ("Bash",)),
    (RESPONSES, {"output": [{"type": "local_shell_call"}]}, ("local_shell_call",)),
    (RESPONSES, {"response": {"output": [{"type": "shell_call"}]}}, ("shell_call",)),
    (RESPONSES, {"item": {"type": "web_search_call"}}, ()),  # the provider runs it
    (
        GEMINI,
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "ls"}}]}}]},
        ("ls",),
    ),
    (GEMINI, {"candidates": [{"content": {"parts": [{"text": "functionCall"}]}}]}, ()),
    (Wire.OPENAI_COMPLETIONS, {"choices": [{"text": '"tool_calls"'}]}, ()),
]


@pytest.mark.parametrize(("wire", "data", "names"), CASES)
def test_the_names_of_calls_that_a_client_runs(
    wire: Wire, data: dict[str, Any], names: tuple[str, ...]
) -> None:
    assert call_names(wire, json.dumps(data).encode()) == names


def test_the_gate_looks_at_the_wires_whose_calls_can_be_read() -> None:
    assert GATED_WIRES == READABLE


FIELDS = (
    *("choices", "delta", "message", "tool_calls", "function", "name", "type", "item", "output"),
    *("content", "content_block", "candidates", "parts", "functionCall"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(READABLE)), JSON, st.binary(max_size=30))
def test_nothing_that_a_provider_writes_makes_it_fail(wire: Wire, value: Any, tail: bytes) -> None:
    marks = b'"tool_calls" "function_call" "tool_use" "functionCall"'
    text = json.dumps({"x": marks.decode(), "choices": value, "item": value, "content": value})
    for data in (text.encode(), text.encode() + tail, tail + marks, json.dumps(value).encode()):
        assert all(isinstance(name, str) and name for name in call_names(wire, data))
