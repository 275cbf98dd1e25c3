"""What Claude Code asks of any model: Anthropic's own tools, and options it does without."""

from typing import Any

import pytest

from support.translating import Json, sent
from weir_wires.messages_to_chat import MessagesToChat

HI: Json = {"role": "user", "content": "hi"}
TOOL: Json = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "a"}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def outgoing(**fields: Any) -> tuple[Json, tuple[str, ...]]:
    body = {"model": "auto", "max_tokens": 64, "messages": [HI], **fields}
    carried, request = sent(MessagesToChat(), body, "llama")
    return carried, request.dropped


def test_options_that_a_model_can_do_without_are_left_out_and_named() -> None:
    edits = [{"type": "clear_thinking_20251015", "keep": "all"}]
    _, dropped = outgoing(
        context_management={"edits": edits},
        mcp_servers=[{"type": "url", "url": "https://mcp.test", "name": "m"}],
        container={"skills": []},
        speed="fast",
    )
    assert dropped == ("container", "context_management", "mcp_servers", "speed")
    idle: Json = {"edits": []}
    assert outgoing(context_management=idle, mcp_servers=[], inference_geo="global")[1] == ()


HOSTED = [
    "web_search_20250305",
    "web_fetch_20250910",
    "code_execution_20250825",
    "tool_search_tool_bm25_20251119",
    "mcp_toolset",
    "advisor_20260301",
]


@pytest.mark.parametrize("type_", HOSTED)
def test_tools_that_the_provider_runs_are_left_out_and_named(type_: str) -> None:
    body, dropped = outgoing(tools=[TOOL, {"type": type_, "name": "x"}])
    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather"]
    assert dropped == (f"tools[].{type_}",)


@pytest.mark.parametrize(
    ("tool", "required"),
    [
        ({"type": "bash_20250124", "name": "bash"}, []),
        (
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
            ["command", "path"],
        ),
        ({"type": "memory_20250818", "name": "memory"}, ["command"]),
        (
            {
                "type": "computer_20251124",
                "name": "computer",
                "display_width_px": 800,
                "display_height_px": 600,
            },
            ["action"],
        ),
    ],
)
def test_tools_that_the_client_runs_are_functions(tool: Json, required: list[str]) -> None:
    body, dropped = outgoing(tools=[tool])
    function = body["tools"][0]["function"]
    assert (function["name"], function["parameters"]["required"]) == (tool["name"], required)
    assert ("800 by 600" in function["description"]) is ("display_width_px" in tool)
    assert not dropped


def test_what_a_providers_tools_did_is_left_out_and_named() -> None:
    assistant: list[Json] = [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "s",
            "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
        },
        {"type": "mcp_tool_use", "id": "m", "name": "f", "input": {}, "server_name": "n"},
        {"type": "mcp_tool_result", "tool_use_id": "m", "content": [text("found")]},
        text("It rains."),
    ]
    body, dropped = outgoing(messages=[HI, {"role": "assistant", "content": assistant}, HI])
    assert body["messages"][1] == {"role": "assistant", "content": "It rains."}
    assert dropped == tuple(
        f"messages[].content[].{kind}"
        for kind in (
            "server_tool_use",
            "web_search_tool_result",
            "mcp_tool_use",
            "mcp_tool_result",
        )
    )


def test_blocks_that_are_text_by_another_name() -> None:
    found: Json = {
        "type": "search_result",
        "source": "https://x.example",
        "title": "Rain",
        "content": [text("It rains.")],
    }
    reference: Json = {"type": "tool_reference", "tool_name": "weather"}
    summary: Json = {"type": "compaction", "content": "We talked about rain."}
    failed: Json = {"type": "compaction", "content": None}
    body, dropped = outgoing(
        messages=[
            {"role": "assistant", "content": [summary, failed]},
            {"role": "user", "content": [{**RESULT, "content": [reference]}, found]},
        ]
    )
    assert [message["content"] for message in body["messages"]] == [
        "We talked about rain.",
        "Found: weather",
        "Rain\nhttps://x.example\nIt rains.",
    ]
    assert not dropped


def test_the_older_field_of_the_answers_form() -> None:
    form: Json = {"type": "json_schema", "schema": {"type": "object"}}
    new, _ = outgoing(output_config={"format": form})
    old, dropped = outgoing(output_format=form)
    assert old["response_format"] == new["response_format"]
    assert not dropped
