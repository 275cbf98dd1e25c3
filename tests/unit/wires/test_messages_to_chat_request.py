"""Anthropic requests as OpenAI chat completions, case by case."""

import json
from typing import Any

import pytest

from support.translating import Json, sent
from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.messages_to_chat import MessagesToChat

TRANSLATOR = MessagesToChat()
PLAIN = "llama-3.1-8b"
REASONS = "gpt-5-mini"
HI: Json = {"role": "user", "content": "hi"}
PNG = "iVBORw0KGgo="


def text(words_of: str) -> Json:
    return {"type": "text", "text": words_of}


def outgoing(model: str = PLAIN, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    body = {"model": "auto", "max_tokens": 64, "messages": [HI], **fields}
    result_found, request_body = sent(TRANSLATOR, body, model)
    return result_found, request_body.dropped


def use(call_id: str, given: Json | None = None) -> Json:
    result_found = {"city": "Oslo"} if given is None else given
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": result_found}


def call(call_id: str, arguments: str = '{"city": "Oslo"}') -> Json:
    function = {"name": "weather", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def result(call_id: str, **fields: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": call_id, **fields}


def image(**source: str) -> Json:
    return {"type": "image", "source": source}


IMAGE = image(type="base64", media_type="image/png", data=PNG)
IMAGE_OUT: Json = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


def test_a_minimal_request() -> None:
    body, dropped = outgoing()
    assert body == {"model": PLAIN, "messages": [HI], "max_tokens": 64}
    assert list(body) == ["model", "messages", "max_tokens"]
    assert dropped == ()


MESSAGES: dict[str, tuple[list[Json], list[Json]]] = {
    "one text is a string": ([{"role": "user", "content": [text("hi")]}], [HI]),
    "several are parts": (
        [{"role": "user", "content": [text("a"), text(""), text("b")]}],
        [{"role": "user", "content": [text("a"), text("b")]}],
    ),
    "images": (
        [
            {
                "role": "user",
                "content": [image(type="url", url="https://x.example/a"), IMAGE, text("what?")],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://x.example/a"}},
                    IMAGE_OUT,
                    text("what?"),
                ],
            }
        ],
    ),
    "documents": (
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "document",
                        "title": "a.pdf",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": "JVBERg==",
                        },
                    },
                    {
                        "type": "document",
                        "title": "Notes",
                        "source": {"type": "text", "media_type": "text/plain", "data": "hé"},
                    },
                    {"type": "document", "source": {"type": "content", "content": "c"}},
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "file",
                        "file": {
                            "filename": "a.pdf",
                            "file_data": "data:application/pdf;base64,JVBERg==",
                        },
                    },
                    text("Notes"),
                    text("hé"),
                    text("c"),
                ],
            }
        ],
    ),
    "calls and results": (
        [
            HI,
            {"role": "assistant", "content": [text("Let "), text("me"), use("a"), use("b", {})]},
            {
                "role": "user",
                "content": [
                    result("a", content="sun"),
                    result("b", content=[text("rain"), text("wind")]),
                    text("so?"),
                ],
            },
        ],
        [
            HI,
            {
                "role": "assistant",
                "content": "Let me",
                "tool_calls": [call("a"), call("b", "{}")],
            },
            {"role": "tool", "tool_call_id": "a", "content": "sun"},
            {"role": "tool", "tool_call_id": "b", "content": "rain\nwind"},
            {"role": "user", "content": "so?"},
        ],
    ),
    "a result that failed, one that is empty, one that shows": (
        [
            {"role": "assistant", "content": [use("a"), use("b"), use("c")]},
            {
                "role": "user",
                "content": [
                    result("a", content="no such city", is_error=True),
                    result("b"),
                    result("c", content=[IMAGE]),
                ],
            },
        ],
        [
            {"role": "assistant", "content": None, "tool_calls": [call("a"), call("b"), call("c")]},
            {"role": "tool", "tool_call_id": "a", "content": "Error: no such city"},
            {"role": "tool", "tool_call_id": "b", "content": ""},
            {"role": "tool", "tool_call_id": "c", "content": "(shown in the next message)"},
            {"role": "user", "content": [IMAGE_OUT]},
        ],
    ),
    "results come first": (
        [
            {"role": "assistant", "content": [use("a")]},
            {"role": "user", "content": [text("look"), result("a", content="1")]},
        ],
        [
            {"role": "assistant", "content": None, "tool_calls": [call("a")]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "user", "content": "look"},
        ],
    ),
    "a system turn in between": (
        [HI, {"role": "system", "content": "short"}],
        [HI, {"role": "system", "content": "short"}],
    ),
    "empty turns": (
        [{"role": "user", "content": []}, {"role": "assistant", "content": []}, HI],
        [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}, HI],
    ),
    "thinking goes back into the field it came in": (
        [
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "thinking",
                        "thinking": "hm",
                        "signature": "weir:reasoning_content:",
                    },
                    text("yes"),
                ],
            },
            HI,
        ],
        [{"role": "assistant", "content": "yes", "reasoning_content": "hm"}, HI],
    ),
    "with the provider's own signature": (
        [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "a", "signature": "weir:thinking_blocks:s=="},
                    {"type": "redacted_thinking", "data": "weir:thinking_blocks:sealed"},
                    {"type": "thinking", "thinking": "b", "signature": "weir:reasoning_details:t"},
                    {"type": "redacted_thinking", "data": "weir:reasoning_details:shut"},
                ],
            },
            HI,
        ],
        [
            {
                "role": "assistant",
                "content": "",
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "a", "signature": "s=="},
                    {"type": "redacted_thinking", "data": "sealed"},
                ],
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "b", "signature": "t"},
                    {"type": "reasoning.encrypted", "data": "shut"},
                ],
            },
            HI,
        ],
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case: str) -> None:
    values, expected = MESSAGES[case]
    body, dropped = outgoing(messages=values)
    assert body["messages"] == expected
    assert dropped == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("You are terse.", [{"role": "system", "content": "You are terse."}]),
        ([text("You are terse.")], [{"role": "system", "content": "You are terse."}]),
        ([text("a"), text("b")], [{"role": "system", "content": [text("a"), text("b")]}]),
        ("", []),
        ([], []),
    ],
)
def test_system(values: str | list[Json], expected: list[Json]) -> None:
    assert outgoing(system=values)[0]["messages"] == [*expected, HI]


def test_signed_thinking_is_dropped_by_name() -> None:
    thinking_text: Json = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    sealed: Json = {"type": "redacted_thinking", "data": "EqQC"}
    turn: Json = {"role": "assistant", "content": [thinking_text, sealed, text("yes")]}
    body, dropped = outgoing(messages=[HI, turn, HI])
    assert body["messages"][1] == {"role": "assistant", "content": "yes"}
    assert dropped == ("messages[].content[].thinking",)


CLOSED: Json = {
    "type": "object",
    "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": False}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN: Json = {**CLOSED, "required": []}


def schema_format(schema: Json) -> Json:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def schema_out(schema: Json, *, strict: bool) -> Json:
    values = {"name": "answer", "schema": schema, "strict": strict}
    return {"response_format": {"type": "json_schema", "json_schema": values}}


def budget(tokens: int) -> Json:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


STREAMED: Json = {"stream": True, "stream_options": {"include_usage": True}}
OPTIONS: list[tuple[str, Json, Json, tuple[str, ...]]] = [
    (PLAIN, {"stream": True}, STREAMED, ()),
    (PLAIN, {"stop_sequences": ["a"]}, {"stop": ["a"]}, ()),
    (PLAIN, {"stop_sequences": []}, {}, ()),
    (PLAIN, {"temperature": 1.0, "top_p": 0.5}, {"temperature": 1.0, "top_p": 0.5}, ()),
    (PLAIN, {"top_k": 5}, {}, ("top_k",)),
    (PLAIN, {"metadata": {"user_id": "u"}}, {"user": "u"}, ()),
    (PLAIN, {"service_tier": "standard_only"}, {"service_tier": "default"}, ()),
    (PLAIN, {"service_tier": "gold"}, {}, ("service_tier",)),
    (PLAIN, budget(2000), {}, ("thinking",)),
    (PLAIN, {"thinking": {"type": "disabled"}}, {}, ()),
    (PLAIN, {"output_config": {"effort": "low"}}, {}, ("output_config.effort",)),
    (PLAIN, schema_format(CLOSED), schema_out(CLOSED, strict=True), ()),
    (PLAIN, schema_format(OPEN), schema_out(OPEN, strict=False), ()),
    (PLAIN, {"cache_control": {"type": "ephemeral"}}, {}, ("cache_control",)),
    (PLAIN, {"speed": "fast", "diagnostics": {}}, {}, ("speed", "diagnostics")),
    (PLAIN, {"container": None, "mcp_servers": []}, {}, ()),
]
REASONING: list[tuple[Json, Json, tuple[str, ...]]] = [
    ({}, {}, ()),
    (budget(1024), {"reasoning_effort": "low"}, ()),
    (budget(8192), {"reasoning_effort": "medium"}, ()),
    (budget(32_000), {"reasoning_effort": "high"}, ()),
    ({"thinking": {"type": "adaptive"}}, {}, ()),
    ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "low"}, ()),
    ({"output_config": {"effort": "max"}}, {"reasoning_effort": "high"}, ()),
    (
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
        {"reasoning_effort": "medium"},
        (),
    ),
    ({"temperature": 0.2, "top_p": 1.0}, {}, ("temperature",)),
]


@pytest.mark.parametrize(("model", "fields", "expected", "dropped"), OPTIONS)
def test_options(model: str, fields: Json, expected: Json, dropped: tuple[str, ...]) -> None:
    body, left_out = outgoing(model, **fields)
    assert body == {"model": model, "messages": [HI], "max_tokens": 64, **expected}
    assert left_out == dropped


@pytest.mark.parametrize(("fields", "expected", "dropped"), REASONING)
def test_options_of_reasoning_models(
    fields: Json, expected: Json, dropped: tuple[str, ...]
) -> None:
    body, left_out = outgoing(REASONS, **fields)
    assert body == {"model": REASONS, "messages": [HI], "max_completion_tokens": 64, **expected}
    assert left_out == dropped


@pytest.mark.parametrize(
    ("model", "newer"),
    [
        ("o3-mini", True),
        ("openai/gpt-5.2", True),
        ("gpt-10", True),
        ("openai/gpt-oss-20b", True),
        ("gpt-4o", False),
        ("qwen3-8b", False),
        ("olmo-2", False),
    ],
)
def test_which_models_take_the_newer_limit(model: str, newer: bool) -> None:  # noqa: FBT001 - a column of the table
    assert ("max_completion_tokens" in outgoing(model)[0]) is newer


TOOL: Json = {
    "name": "weather",
    "description": "Tells the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
WEB_SEARCH: Json = {"type": "web_search_20250305", "name": "web_search"}
CHOICES: list[tuple[Json, Json]] = [
    ({"type": "auto"}, {"tool_choice": "auto"}),
    ({"type": "any"}, {"tool_choice": "required"}),
    ({"type": "none"}, {"tool_choice": "none"}),
    (
        {"type": "tool", "name": "weather"},
        {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
    ),
    (
        {"type": "auto", "disable_parallel_tool_use": True},
        {"tool_choice": "auto", "parallel_tool_calls": False},
    ),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_tool_choice(choice: Json, expected: Json) -> None:
    body, _ = outgoing(tools=[TOOL], tool_choice=choice)
    result_found = {key: body[key] for key in ("tool_choice", "parallel_tool_calls") if key in body}
    assert result_found == expected
    assert "tool_choice" not in outgoing(tool_choice=choice)[0]


NOTHING: Json = {"type": "object", "properties": {}, "additionalProperties": False}


def test_tools() -> None:
    strict: Json = {"type": "custom", "name": "f", "input_schema": {}, "strict": True}
    more: Json = {
        "name": "g",
        "cache_control": {"type": "ephemeral"},
        "input_examples": [{}],
        "defer_loading": True,
    }
    body, dropped = outgoing(tools=[TOOL, strict, more])
    assert [tool["function"] for tool in body["tools"]] == [
        {
            "name": "weather",
            "description": "Tells the weather",
            "parameters": TOOL["input_schema"],
        },
        {"name": "f", "parameters": NOTHING, "strict": True},
        {"name": "g", "parameters": {"type": "object", "properties": {}}},
    ]
    assert list(body)[:3] == ["model", "tools", "messages"]
    assert dropped == ("cache_control", "tools[].input_examples", "tools[].defer_loading")


def test_dropped_cache_control_is_named() -> None:
    marked: Json = {**text("a"), "cache_control": {"type": "ephemeral"}, "citations": []}
    _, dropped = outgoing(system=[marked], messages=[{"role": "user", "content": [marked]}])
    assert dropped == ("cache_control", "messages[].content[].citations")


def user(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


REFUSED: list[tuple[Json, str]] = [
    ({"max_tokens": 0}, "max_tokens"),
    ({"inference_geo": "eu"}, "inference_geo"),
    ({"tools": [WEB_SEARCH], "tool_choice": {"type": "any"}}, "tool_choice"),
    (
        {"tools": [TOOL, WEB_SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}},
        "tool_choice.name",
    ),
    ({"messages": [HI, {"role": "assistant", "content": "{"}]}, "messages[1]"),
    (user({"type": "container_upload", "file_id": "f"}), "messages[0].content[0]"),
    (user(image(type="file", file_id="f")), "messages[0].content[0].source"),
    (
        user({"type": "document", "source": {"type": "url", "url": "https://x.example"}}),
        "messages[0].content[0].source",
    ),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "not_known_yet"}]}, HI]},
        "messages[0].content[0]",
    ),
    ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
]


@pytest.mark.parametrize(("fields", "at"), REFUSED)
def test_fields_that_cant_be_carried_are_refused_by_name(fields: Json, at: str) -> None:
    with pytest.raises(NotCarried) as refused:
        outgoing(**fields)
    assert refused.value.param == at


WRONG: list[tuple[Json, str]] = [
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"messages": []}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
    ({"messages": [{"role": "tool", "content": "1"}]}, "messages[0].role"),
    (user({"type": "text"}), "messages[0].content[0].text"),
    (user({"type": "image"}), "messages[0].content[0].source"),
    (
        user(image(type="base64", media_type="image/png", data="***")),
        "messages[0].content[0].source.data",
    ),
    (
        user(image(type="base64", media_type="image/png")),
        "messages[0].content[0].source.data",
    ),
    (user({"type": "tool_result"}), "messages[0].content[0].tool_use_id"),
    (
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "a"}]}, HI]},
        "messages[0].content[0].name",
    ),
    ({"tools": [{}]}, "tools[0].name"),
    ({"tools": [TOOL], "tool_choice": {"type": "maybe"}}, "tool_choice.type"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    (
        schema_format({}) | {"output_config": {"format": {"type": "json_schema", "schema": 1}}},
        "output_config.format.schema",
    ),
    ({"system": 7}, "system"),
]


@pytest.mark.parametrize(("fields", "at"), WRONG)
def test_invalid_fields_are_refused_by_name(fields: Json, at: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        outgoing(**fields)
    assert not isinstance(refused.value, NotCarried)
    assert refused.value.param == at


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"a"', b"\xff"])
def test_no_json_object(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        TRANSLATOR.translate(body, PLAIN)


def test_inputs_and_schemas_keep_their_bytes() -> None:
    """What the gateway need not understand it doesn't write anew."""
    odd = '{"type" : "object","properties":{},"b" : 1e3,"a":[ ]}'
    body = (
        '{"max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a",'
        '"name":"f","input":' + odd + '}]},{"role":"user","content":"hi"}],'
        '"tools":[{"name":"f","input_schema":' + odd + "}]}"
    )
    request_body = TRANSLATOR.translate(body.encode(), PLAIN).body
    assert odd.encode() in request_body
    result_found = json.loads(request_body)["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert result_found == odd
