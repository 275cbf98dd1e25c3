"""What the other API wants of a request and the client's leaves open: completed, moved, named."""

import json
from typing import Any

import pytest

from weir_wires.errors import NotCarried
from weir_wires.registry import WIRES
from weir_wires.translator import TranslatedRequest
from weir_wires.wire import Wire

Json = dict[str, Any]
OPEN: Json = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}


def chat(model: str = "claude-sonnet-4-5", **fields: object) -> tuple[Json, tuple[str, ...]]:
    """A chat client's request as Anthropic gets it."""
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return sent(Wire.OPENAI_CHAT, Wire.ANTHROPIC_MESSAGES, body, model)


def messages(model: str = "some-model", **fields: object) -> tuple[Json, tuple[str, ...]]:
    """An Anthropic client's request as a chat provider gets it."""
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **fields}
    return sent(Wire.ANTHROPIC_MESSAGES, Wire.OPENAI_CHAT, body, model)


def sent(client: Wire, provider: Wire, body: Json, model: str) -> tuple[Json, tuple[str, ...]]:
    route = WIRES.route(client, {provider})
    assert route is not None
    assert route.translator is not None
    out: TranslatedRequest = route.translator.translate(json.dumps(body).encode(), model)
    return json.loads(out.body), out.dropped


@pytest.mark.parametrize(
    ("given", "completed"),
    [
        ({"type": "object"}, {"type": "object", "properties": {}}),
        ({}, {"type": "object", "properties": {}}),
        (None, {"type": "object", "properties": {}}),
        ({"properties": {"a": {}}}, {"properties": {"a": {}}, "type": "object"}),
        ({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}),
    ],
)
def test_parameters_have_their_type_and_properties(given: Json | None, completed: Json) -> None:
    function: Json = {"name": "f", "description": None, "parameters": given}
    body, _ = chat(tools=[{"type": "function", "function": function}])
    assert body["tools"][0]["input_schema"] == completed

    body, _ = messages(tools=[{"name": "f", "description": None, "input_schema": given}])
    assert body["tools"][0]["function"]["parameters"] == completed


def test_a_strict_schema_is_closed_at_every_depth() -> None:
    function: Json = {"name": "f", "strict": True, "parameters": OPEN}
    body, _ = chat(tools=[{"type": "function", "function": function}])
    schema = body["tools"][0]["input_schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["a"]["additionalProperties"] is False


def test_strict_stays_where_the_schema_can_be_made_as_strict_as_chat_wants() -> None:
    whole = {**OPEN, "required": ["a"]}
    tools = [
        {"name": "f", "strict": True, "input_schema": whole},
        {"name": "g", "strict": True, "input_schema": OPEN},
    ]
    body, dropped = messages(tools=tools)
    assert [tool["function"].get("strict") for tool in body["tools"]] == [True, None]
    assert dropped == ("tools[].strict",)


def test_flags_without_tools_are_left_out_and_named() -> None:
    body, dropped = chat(tool_choice="auto", parallel_tool_calls=False)
    assert "tool_choice" not in body
    assert dropped == ("tool_choice", "parallel_tool_calls")

    body, dropped = messages(tool_choice={"type": "any"})
    assert "tool_choice" not in body
    assert dropped == ("tool_choice",)


def test_a_begun_answer_does_not_end_in_white_space() -> None:
    turns: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Well,  \n"},
    ]
    body, _ = chat(messages=turns)
    assert body["messages"][-1]["content"] == [{"type": "text", "text": "Well,"}]


def test_results_come_before_what_the_user_said_between() -> None:
    use: Json = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "c", "content": "done"}
    turns: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": "and hurry"},
        {"role": "user", "content": [result]},
    ]
    body, _ = messages(messages=turns)
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "tool", "user"]

    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "user", "content": "and hurry"},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]
    body, _ = chat(messages=turns)
    kinds = [block["type"] for block in body["messages"][-1]["content"]]
    assert kinds == ["tool_result", "text"]


def test_calls_in_two_messages_in_a_row_stand_before_their_results() -> None:
    uses: list[Json] = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in "ab"]
    results = [{"type": "tool_result", "tool_use_id": name, "content": name} for name in "ab"]
    turns: list[Json] = [
        {"role": "user", "content": "hi"},
        *({"role": "assistant", "content": [use]} for use in uses),
        {"role": "user", "content": results},
    ]
    body, _ = messages(messages=turns)
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "tool", "tool"]
    assert [call["id"] for call in body["messages"][1]["tool_calls"]] == ["a", "b"]


def test_a_call_without_a_result_gets_one() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns: list[Json] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "user", "content": "never mind"},
        {"role": "assistant", "content": "fine"},
        {"role": "user", "content": "bye"},
    ]
    for last in (3, 5):
        body, _ = chat(messages=turns[:last])
        result = body["messages"][2]["content"][0]
        assert (result["type"], result["tool_use_id"], result["is_error"]) == (
            *("tool_result", "c", True),
        )


def test_more_stop_sequences_than_openai_takes_are_refused() -> None:
    stops = ["a", "b", "c", "d", "e"]
    with pytest.raises(NotCarried) as refused:
        messages("gpt-4.1", stop_sequences=stops)
    assert refused.value.param == "stop_sequences"
    assert messages("llama", stop_sequences=stops)[0]["stop"] == stops
