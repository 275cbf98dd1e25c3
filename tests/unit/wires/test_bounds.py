"""Names and ids over the other API's bounds: shortened on the way out, whole on the way back."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.bounds import MAX_CHAT_ID, ToolNames, fitting_id, fitting_user
from weir_wires.event import Event
from weir_wires.registry import WIRES
from weir_wires.translator import TranslatedRequest
from weir_wires.wire import Wire

Json = dict[str, Any]
LONG = "mcp__a_server_with_a_long_name__" + "does_something_useful_" * 4
DOTTED = "files.read:now"
ID = "toolu_" + "0123456789" * 6
SCHEMA: Json = {"type": "object", "properties": {}}


def translated(client: Wire, provider: Wire, body: Json) -> TranslatedRequest:
    route = WIRES.route(client, {provider})
    assert route is not None
    assert route.translator is not None
    return route.translator.translate(json.dumps(body).encode(), "some-model")


def messages_request(name: str) -> Json:
    use: Json = {"type": "tool_use", "id": ID, "name": name, "input": {}}
    result = {"type": "tool_result", "tool_use_id": ID, "content": "done"}
    return {
        "model": "m",
        "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ],
        "tools": [{"name": name, "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": name},
        "metadata": {"user_id": "u" * 147},
    }


def chat_request(name: str) -> Json:
    function = {"name": name, "arguments": "{}"}
    return {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": ID * 2, "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": ID * 2, "content": "done"},
        ],
        "tools": [{"type": "function", "function": {"name": name, "parameters": SCHEMA}}],
        "tool_choice": {"type": "function", "function": {"name": name}},
        "user": "u" * 300,
    }


def test_what_a_chat_provider_gets_is_within_its_bounds() -> None:
    body = json.loads(
        translated(Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, messages_request(LONG)).body
    )

    name = body["tools"][0]["function"]["name"]
    call = body["messages"][1]["tool_calls"][0]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
    assert body["tool_choice"]["function"]["name"] == name == call["function"]["name"]
    assert len(call["id"]) <= MAX_CHAT_ID
    assert body["messages"][2]["tool_call_id"] == call["id"]
    assert len(body["user"]) == 64


@pytest.mark.parametrize("name", [LONG * 2, DOTTED])
def test_what_anthropic_gets_is_within_its_bounds(name: str) -> None:
    body = json.loads(
        translated(Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES, chat_request(name)).body
    )

    offered = body["tools"][0]["name"]
    use = body["messages"][1]["content"][0]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", offered)
    assert body["tool_choice"]["name"] == offered == use["name"]
    assert body["messages"][2]["content"][0]["tool_use_id"] == use["id"]
    assert len(use["id"]) <= 64
    assert len(body["metadata"]["user_id"]) <= 256


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_providers_call_comes_back_under_the_clients_name(*, stream: bool) -> None:
    request = translated(Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, messages_request(LONG))
    name = json.loads(request.body)["tools"][0]["function"]["name"]
    function = {"name": name, "arguments": "{}"}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    message = {"role": "assistant", "tool_calls": [call]}
    if stream:
        events = request.response.stream()
        chunk = {"id": "a", "choices": [{"delta": message, "finish_reason": "tool_calls"}]}
        out = events.feed(Event("", json.dumps(chunk).encode())) + events.end()
    else:
        choice = {"message": message, "finish_reason": "tool_calls"}
        out = request.response.translate(json.dumps({"id": "a", "choices": [choice]}).encode())

    assert f'"name":"{LONG}"'.encode() in out


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", [LONG * 2, DOTTED])
def test_anthropics_call_comes_back_under_the_clients_name(name: str, *, stream: bool) -> None:
    request = translated(Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES, chat_request(name))
    use: Json = {"type": "tool_use", "id": "c", "input": {}}
    use["name"] = json.loads(request.body)["tools"][0]["name"]
    if stream:
        events = request.response.stream()
        start: Json = {"type": "message_start", "message": {"id": "m", "content": []}}
        begin: Json = {"type": "content_block_start", "index": 0, "content_block": use}
        out = b"".join(events.feed(Event("", json.dumps(e).encode())) for e in (start, begin))
    else:
        answer: Json = {"type": "message", "id": "m", "content": [use], "stop_reason": "tool_use"}
        out = request.response.translate(json.dumps(answer).encode())

    assert f'"name":"{name}"'.encode() in out


@given(st.lists(st.text(min_size=1, max_size=200), unique=True, max_size=8))
def test_unlike_names_stay_unlike_and_come_back(names: list[str]) -> None:
    one, other = ToolNames(64), ToolNames(64)
    fitting = [one.fitting(name) for name in names]

    assert [other.fitting(name) for name in names] == fitting
    assert len(set(fitting)) == len(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in fitting)
    assert [one.own(name) for name in fitting] == names


@given(st.text(max_size=300))
def test_ids_and_users_fit(text: str) -> None:
    assert len(fitting_id(text, 40)) <= 40
    assert len(fitting_user(text, 64)) <= 64
