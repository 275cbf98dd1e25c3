"""Tools of every kind that Responses clients offer: to the chat wire, and their calls back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseOutputItem, ResponseStreamEvent
from pydantic import TypeAdapter

from support.translating import Json, answered, as_stream, data, sent, streamed
from weir_wires.bounds import MAX_CHAT_NAME
from weir_wires.responses_to_chat import ResponsesToChat
from weir_wires.responses_to_chat.tool_names import ClientTool, ToolKind, ToolNames

TRANSLATOR = ResponsesToChat(clock=lambda: 1_700_000_000)
ITEM: TypeAdapter[ResponseOutputItem] = TypeAdapter(ResponseOutputItem)
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
READ: Json = {"type": "function", "name": "read", "parameters": {"type": "object"}}
SPACE: Json = {
    "type": "namespace",
    "name": "mcp__gauges",
    "description": "Gauges of the river.",
    "tools": [
        {"type": "function", "name": "read", "description": "Reads one."},
        {"type": "function", "name": "list"},
    ],
}
GRAMMAR: Json = {"type": "grammar", "syntax": "lark", "definition": "start: WORD"}
PATCH: Json = {"type": "custom", "name": "patch", "description": "Edits.", "format": GRAMMAR}
SEARCH: Json = {"type": "tool_search", "execution": "client", "parameters": {"type": "object"}}

CALL: Json = {"type": "function_call", "call_id": "call_1", "name": "read", "arguments": "{}"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "call_1", "output": "ok"}

# Tool, the arguments that a model writes, and the item of the call, without its ids.
CALLS: list[tuple[Json, str, Json]] = [
    (READ, '{"gauge":"mill"}', {"type": "function_call", "name": "read"}),
    (PATCH, '{"input":"+a \\"quoted\\" line"}', {"input": '+a "quoted" line', "name": "patch"}),
    (PATCH, "written without JSON", {"input": "written without JSON"}),
    (PATCH, '{"patch":"under another name"}', {"input": "under another name"}),
    (
        {"type": "local_shell"},
        '{"command":["ls","-l"],"timeout_ms":5,"working_directory":"src"}',
        {
            "type": "local_shell_call",
            "action": {
                "type": "exec",
                "command": ["ls", "-l"],
                "env": {},
                "timeout_ms": 5,
                "working_directory": "src",
            },
        },
    ),
    (
        {"type": "local_shell"},
        '{"command":"ls | wc"}',
        {"action": {"type": "exec", "command": ["bash", "-lc", "ls | wc"], "env": {}}},
    ),
    (
        {"type": "shell", "environment": {"type": "local"}},
        '{"commands":["ls","pwd"],"timeout_ms":5}',
        {
            "type": "shell_call",
            "action": {"commands": ["ls", "pwd"], "timeout_ms": 5, "max_output_length": None},
        },
    ),
    (
        {"type": "apply_patch"},
        '{"type":"create_file","path":"a","diff":"+x"}',
        {
            "type": "apply_patch_call",
            "operation": {"type": "create_file", "path": "a", "diff": "+x"},
        },
    ),
    (
        {"type": "apply_patch"},
        '{"operation":{"type":"delete_file","path":"a","diff":"-x"}}',
        {"operation": {"type": "delete_file", "path": "a"}},
    ),
    (
        SEARCH,
        '{"query":"gauges"}',
        {"type": "tool_search_call", "execution": "client", "arguments": {"query": "gauges"}},
    ),
]
HOSTED: list[Json] = [
    {"type": "web_search", "external_web_access": True},
    {"type": "file_search", "vector_store_ids": ["v"]},
    {"type": "code_interpreter", "container": {"type": "auto"}},
    {"type": "image_generation"},
    {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.test"},
    {"type": "computer"},
    {"type": "programmatic_tool_calling"},
    {"type": "tool_search"},
    {"type": "shell", "environment": {"type": "container_auto"}},
    {"type": "not_known_yet", "tools": None},
]


def chat(**fields: Any) -> tuple[Json, Any]:
    return sent(TRANSLATOR, {"model": "auto", "input": "hi", **fields}, "llama")


def called(name: str, arguments: str) -> Json:
    function = {"name": name, "arguments": arguments}
    message = {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    return {"id": "c1", "choices": [{"message": message, "finish_reason": "tool_calls"}]}


def call_pieces(name: str, arguments: str) -> bytes:
    deltas: list[Json] = [{"id": "call_1", "function": {"name": name, "arguments": ""}}]
    deltas += [{"function": {"arguments": piece}} for piece in arguments]
    choices = [{"delta": {"tool_calls": [{"index": 0, **delta}]}} for delta in deltas]
    ends: list[Json] = [{"delta": {}, "finish_reason": "tool_calls"}]
    return as_stream([{"id": "c1", "choices": [choice]} for choice in choices + ends], named=False)


@pytest.mark.parametrize(("tool", "arguments", "item"), CALLS)
def test_a_call_comes_back_as_an_item_of_its_tool(tool: Json, arguments: str, item: Json) -> None:
    body, request = chat(tools=[tool])
    name = body["tools"][0]["function"]["name"]
    (whole,) = answered(request.response, called(name, arguments))["output"]
    assert {key: whole[key] for key in item} == item
    assert whole["call_id"] == "call_1"
    ITEM.validate_python(whole)
    events = data(streamed(request.response, [call_pieces(name, arguments)]))
    for event in events:
        EVENT.validate_python(event)
    (last,) = events[-1]["response"]["output"]
    assert {**last, "id": ""} == {**whole, "id": ""}
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert done == [last]
    assert [added[0][key] for key in ("id", "type")] == [last[key] for key in ("id", "type")]


@pytest.mark.parametrize(("tool", "arguments", "item"), CALLS)
def test_a_call_given_back_says_what_the_model_wrote(
    tool: Json, arguments: str, item: Json
) -> None:
    del item
    body, request = chat(tools=[tool])
    name = body["tools"][0]["function"]["name"]
    (call,) = answered(request.response, called(name, arguments))["output"]
    history, again = chat(tools=[tool], input=[{"role": "user", "content": "hi"}, call])
    (chat_call,) = history["messages"][1]["tool_calls"]
    assert (chat_call["id"], chat_call["function"]["name"]) == ("call_1", name)
    (twice,) = answered(again.response, called(name, chat_call["function"]["arguments"]))["output"]
    assert twice == call
    assert not again.dropped


def test_a_custom_call_streams_its_text() -> None:
    _, request = chat(tools=[PATCH])
    events = data(streamed(request.response, [call_pieces("patch", '{"input":"+x"}')]))
    texts = [(event["type"], event.get("delta", event.get("input"))) for event in events]
    assert ("response.custom_tool_call_input.delta", "+x") in texts
    assert ("response.custom_tool_call_input.done", "+x") in texts
    assert not any("function_call_arguments" in kind for kind, _ in texts)


def test_a_grammar_is_told_to_the_model() -> None:
    body, _ = chat(tools=[PATCH])
    function = body["tools"][0]["function"]
    assert "start: WORD" in function["description"]
    assert function["parameters"]["required"] == ["input"]


def test_a_namespace_is_flattened_and_given_back() -> None:
    body, request = chat(tools=[READ, SPACE])
    functions = [tool["function"] for tool in body["tools"]]
    assert [f["name"] for f in functions] == ["read", "mcp__gauges__read", "mcp__gauges__list"]
    assert functions[1]["description"] == "Gauges of the river.\n\nReads one."
    (item,) = answered(request.response, called("mcp__gauges__read", "{}"))["output"]
    assert (item["name"], item["namespace"]) == ("read", "mcp__gauges")
    history, _ = chat(tools=[READ, SPACE], input=[item])
    call = history["messages"][0]["tool_calls"][0]
    assert call["function"]["name"] == "mcp__gauges__read"


def test_long_names_are_shortened_and_given_back_whole() -> None:
    name = "look_up_" + "x" * 90
    body, request = chat(tools=[{**SPACE, "tools": [{"type": "function", "name": name}]}])
    short = body["tools"][0]["function"]["name"]
    assert len(short) <= MAX_CHAT_NAME
    (item,) = answered(request.response, called(short, "{}"))["output"]
    assert (item["name"], item["namespace"]) == (name, "mcp__gauges")
    # A longer conversation, whose tools have gone, calls it by the same name.
    history, _ = chat(input=[item])
    assert history["messages"][0]["tool_calls"][0]["function"]["name"] == short


@pytest.mark.parametrize("tool", HOSTED)
def test_tools_that_the_provider_runs_are_left_out_and_named(tool: Json) -> None:
    body, request = chat(tools=[READ, tool], tool_choice="auto")
    assert [offered["function"]["name"] for offered in body["tools"]] == ["read"]
    assert request.dropped == (f"tools[].{tool['type']}",)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "web_search_call", "id": "w", "action": {"type": "search", "query": "x"}},
        {"type": "mcp_call", "name": "f", "server_label": "s", "arguments": "{}", "output": "x"},
        {"type": "mcp_list_tools", "server_label": "s", "tools": [{"name": "f"}]},
        {"type": "image_generation_call", "id": "i", "result": "AA=="},
        {"type": "code_interpreter_call", "id": "c", "code": "1", "outputs": []},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "image"}},
        {"type": "tool_search_call", "execution": "server", "arguments": {}},
        {"type": "tool_search_output", "execution": "server", "tools": []},
        {"type": "compaction", "encrypted_content": "gAAA"},
        {"type": "compaction_trigger"},
        {"type": "not_known_yet", "content": {"of": ["any", "form"]}, "output": 3},
    ],
)
def test_items_that_only_their_provider_can_read_are_left_out_and_named(item: Json) -> None:
    body, request = chat(input=[{"role": "user", "content": "hi"}, item])
    assert body["messages"] == [{"role": "user", "content": "hi"}]
    assert request.dropped == (f"input[].{item['type']}",)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"type": "custom_tool_call_output", "output": "ok"}, "ok"),
        ({"type": "local_shell_call_output", "id": "call_1", "output": "ok"}, "ok"),
        (
            {
                "type": "shell_call_output",
                "output": [
                    {"stdout": "a", "stderr": "b", "outcome": {"type": "exit", "exit_code": 2}},
                    {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
                ],
            },
            "a\nb\n(exit code 2)\n(timed out)",
        ),
        ({"type": "apply_patch_call_output", "status": "failed"}, "failed"),
        ({"type": "apply_patch_call_output", "status": "failed", "output": "why"}, "why"),
    ],
)
def test_results_of_every_kind(item: Json, text: str) -> None:
    given = {"call_id": "call_1", **item}
    body, request = chat(input=[CALL, given])
    assert body["messages"][1:] == [{"role": "tool", "tool_call_id": "call_1", "content": text}]
    assert not request.dropped


def test_results_follow_their_calls_at_once() -> None:
    """Chat refuses a message between them; Responses doesn't."""
    second = {**CALL, "call_id": "call_2"}
    between: list[Json] = [
        {"role": "assistant", "content": "Both at once."},
        second,
        {"role": "developer", "content": "Be quick."},
    ]
    body, _ = chat(input=[CALL, *between, {**OUTPUT, "call_id": "call_2"}, OUTPUT])
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["assistant", "tool", "tool", "system"]
    turn = body["messages"][0]
    assert turn["content"] == "Both at once."
    assert [call["id"] for call in turn["tool_calls"]] == ["call_1", "call_2"]


def test_a_call_without_a_result_and_a_result_without_a_call() -> None:
    body, _ = chat(input=[CALL, {"role": "user", "content": "stop"}, {**OUTPUT, "call_id": "gone"}])
    assert [message["role"] for message in body["messages"]] == [
        "assistant",
        "tool",
        "user",
        "user",
    ]
    assert body["messages"][1]["content"] == "There is no result of this call."
    assert body["messages"][3]["content"] == "A tool's result: ok"


def test_how_to_call_tools_is_said_only_where_there_are_some() -> None:
    body, request = chat(tools=[{"type": "web_search"}], parallel_tool_calls=False)
    assert "parallel_tool_calls" not in body
    assert request.dropped == ("tools[].web_search", "parallel_tool_calls")
    assert chat(tools=[READ], parallel_tool_calls=False)[0]["parallel_tool_calls"] is False


def test_tools_that_a_search_found_are_offered() -> None:
    call: Json = {"type": "tool_search_call", "execution": "client", "call_id": "call_1"}
    found: Json = {
        "type": "tool_search_output",
        "execution": "client",
        "call_id": "call_1",
        "tools": [SPACE],
    }
    body, request = chat(tools=[SEARCH], input=[call | {"arguments": {"query": "gauges"}}, found])
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert names == ["tool_search", "mcp__gauges__read", "mcp__gauges__list"]
    assert body["messages"][1]["content"] == "Found: mcp__gauges__read, mcp__gauges__list"
    assert list(body)[:3] == ["model", "tools", "messages"]
    assert not request.dropped


@pytest.mark.parametrize(
    ("choice", "functions", "chosen"),
    [
        ({"type": "function", "name": "read"}, 3, "read"),
        ({"type": "function", "name": "read", "namespace": "mcp__gauges"}, 3, "mcp__gauges__read"),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}, READ]},
            1,
            None,
        ),
    ],
)
def test_choices(choice: Json, functions: int, chosen: str | None) -> None:
    body, _ = chat(tools=[READ, SPACE], tool_choice=choice)
    assert len(body["tools"]) == functions
    forced = {"type": "function", "function": {"name": chosen}} if chosen else "required"
    assert body["tool_choice"] == forced


NAMES = st.text(min_size=1, max_size=80)
TOOLS = st.builds(
    ClientTool, st.sampled_from(ToolKind), NAMES, st.none() | st.sampled_from(["mcp", "mcp__"])
)


@given(st.lists(TOOLS, max_size=12))
def test_every_tool_has_a_name_of_its_own_that_leads_back(tools: list[ClientTool]) -> None:
    names = ToolNames()
    chat_names = [names.add(tool) for tool in tools]
    assert len(set(chat_names)) == len(set(tools))
    assert [names.tool(name) for name in chat_names] == tools
    assert all(0 < len(name) <= MAX_CHAT_NAME and name.isascii() for name in chat_names)


@given(st.text(), st.sampled_from([tool for tool, _, _ in CALLS]))
def test_arguments_of_any_form_become_an_item(arguments: str, tool: Json) -> None:
    body, request = chat(tools=[tool])
    name = body["tools"][0]["function"]["name"]
    (item,) = answered(request.response, called(name, arguments))["output"]
    json.dumps(item)


@given(st.sampled_from(["action", "operation", "arguments", "output", "tools"]), st.integers())
def test_odd_fields_of_dropped_items_do_no_harm(field: str, value: int) -> None:
    _, request = chat(input=[{"role": "user", "content": "hi"}, {"type": "odd", field: value}])
    assert request.dropped == ("input[].odd",)
