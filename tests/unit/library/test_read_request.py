"""What the library takes as messages, and which API's request it is read as."""

import contextlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.errors import BadRequest
from weir.read_request import READ_ON_LOOP, RequestOptions, is_large, read_request
from weir_policy.spec.backend import Capability
from weir_wires.wire import Wire

USER: Any = {"role": "user", "content": "Why?"}
CHAT_TOOL: Any = {"type": "function", "function": {"name": "f", "parameters": {}}}
TOOL: Any = {"name": "f", "input_schema": {"type": "object"}}
RESULT: Any = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}],
}
GEMINI: Any = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}


def read(messages: Any, **options: Any) -> Any:
    return read_request(messages, RequestOptions(**options), "auto")


@pytest.mark.parametrize(
    ("messages", "wire"),
    [
        ("Why?", Wire.OPENAI_CHAT),
        ([USER], Wire.OPENAI_CHAT),
        ((USER,), Wire.OPENAI_CHAT),
        ({"messages": [USER]}, Wire.OPENAI_CHAT),
        ({"messages": [USER], "tools": [CHAT_TOOL]}, Wire.OPENAI_CHAT),
        (json.dumps({"messages": [USER]}).encode(), Wire.OPENAI_CHAT),
        ({"messages": [USER], "system": "Be kind.", "max_tokens": 9}, Wire.ANTHROPIC_MESSAGES),
        ({"messages": [USER], "tools": [TOOL], "max_tokens": 9}, Wire.ANTHROPIC_MESSAGES),
        ([USER, RESULT], Wire.ANTHROPIC_MESSAGES),
        ({"input": "Why?"}, Wire.OPENAI_RESPONSES),
        ({"prompt": "Why?"}, Wire.OPENAI_COMPLETIONS),
        (GEMINI, Wire.GOOGLE_GEMINI),
    ],
)
def test_the_api_is_found_by_the_fields(messages: Any, wire: Wire) -> None:
    request = read(messages)
    assert (request.wire, request.model, request.scored_text.strip()) == (wire, "auto", "Why?")


def test_a_named_api_and_model_win() -> None:
    request = read({"input": "Why?", "model": "small"}, api="embeddings", model="large")
    assert (request.wire, request.model) == (Wire.OPENAI_EMBEDDINGS, "large")


def test_further_fields_and_headers_are_part_of_the_request() -> None:
    request = read(
        {"messages": [USER], "extra_headers": {"X-Team": "a"}},
        headers={"X-Tier": "1"},
        fields={"tools": [CHAT_TOOL], "max_tokens": 7},
    )
    assert request.headers == {"x-team": "a", "x-tier": "1"}
    assert (request.facts.tools, request.max_tokens) == (1, 7)
    assert request.needs == {Capability.TOOLS}


def test_the_objects_of_an_sdk_are_read() -> None:
    def model_dump(*, exclude_none: bool) -> Any:
        assert exclude_none
        return USER

    message = SimpleNamespace(model_dump=model_dump)
    assert read([message]).scored_text == "Why?"


@pytest.mark.parametrize(
    ("messages", "options", "says"),
    [
        ([], {}, "`messages` is empty"),
        ([{"content": "Why?"}], {}, "role"),
        (b"{", {}, "not JSON"),
        ([object()], {}, "object is not JSON"),
        ("Why?", {"api": "chats"}, "write one of chat"),
        ("\ud800", {}, "can't be written as JSON"),
        ([{"role": "user", "content": 3}], {}, "messages[0].content"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    messages: Any, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadRequest, match=says.replace("[", r"\[")):
        read(messages, **options)


def test_large_messages_are_known_before_they_are_read() -> None:
    assert not is_large([USER] * 10)
    assert is_large([USER] * 1_000)
    assert is_large("x" * (READ_ON_LOOP + 1))
    assert is_large({"messages": [{"role": "user", "content": "x" * (READ_ON_LOOP + 1)}]})


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from(["messages", "input", "tools", "system", "model"]), JSON))
def test_any_fields_are_read_or_refused(fields: dict[str, Any]) -> None:
    with contextlib.suppress(BadRequest):  # and no other error
        read(fields)
