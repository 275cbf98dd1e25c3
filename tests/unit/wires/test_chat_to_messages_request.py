"""OpenAI chat requests as Anthropic's, case by case."""

import json
from typing import Any

import pytest

from support.translating import Json, sent
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.errors import InvalidBody, NotCarried

TRANSLATOR = ChatToMessages(clock=lambda: 1_700_000_000.0)
OLD = "claude-sonnet-4-5-20250929"
NEW = "claude-opus-4-8"
OTHER = "qwen3-8b"
HI: Json = {"role": "user", "content": "hi"}
HI_OUT: Json = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
PNG = "iVBORw0KGgo="


def text(content: str) -> Json:
    return {"type": "text", "text": content}


def outgoing(model: str = OLD, **fields: Any) -> tuple[Json, tuple[str, ...]]:
    body, request_body = sent(TRANSLATOR, {"model": "auto", "messages": [HI], **fields}, model)
    return body, request_body.dropped


def turns(*messages: Json) -> list[Json]:
    result: list[Json] = outgoing(messages=list(messages))[0]["messages"]
    return result


def call(call_id: str, arguments: str = '{"city": "Oslo"}', name: str = "weather") -> Json:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def use(call_id: str, given: Json | None = None) -> Json:
    return {
        "type": "tool_use",
        "id": call_id,
        "name": "weather",
        "input": {"city": "Oslo"} if given is None else given,
    }


TOOL: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def test_a_minimal_request() -> None:
    body, dropped = outgoing()
    assert body == {"model": OLD, "messages": [HI_OUT], "max_tokens": 16_384}
    assert list(body) == ["model", "messages", "max_tokens"]
    assert dropped == ()


MESSAGES: dict[str, tuple[list[Json], list[Json]]] = {
    "parts": (
        [{"role": "user", "content": [text("a"), text("b")]}],
        [{"role": "user", "content": [text("a"), text("b")]}],
    ),
    "one role twice": (
        [HI, {"role": "user", "content": "more"}],
        [{"role": "user", "content": [text("hi"), text("more")]}],
    ),
    "empty and blank": (
        [HI, {"role": "assistant", "content": ""}, {"role": "user", "content": " \n"}],
        [HI_OUT],
    ),
    "null content": ([HI, {"role": "assistant", "content": None}], [HI_OUT]),
    "the assistant begins": (
        [{"role": "assistant", "content": "Welcome"}, HI],
        [
            {"role": "user", "content": [text(".")]},
            {"role": "assistant", "content": [text("Welcome")]},
            HI_OUT,
        ],
    ),
    "system in between": (
        [HI, {"role": "assistant", "content": "yes"}, {"role": "developer", "content": "short"}],
        [
            HI_OUT,
            {"role": "assistant", "content": [text("yes")]},
            {"role": "user", "content": [text("<system>\nshort\n</system>")]},
        ],
    ),
    "parallel calls, results apart": (
        [
            HI,
            {"role": "assistant", "content": "Let me", "tool_calls": [call("a"), call("b", "{}")]},
            {"role": "tool", "tool_call_id": "a", "content": "sun"},
            {"role": "tool", "tool_call_id": "b", "content": [text("rain")]},
            {"role": "user", "content": "so?"},
        ],
        [
            HI_OUT,
            {"role": "assistant", "content": [text("Let me"), use("a"), use("b", {})]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": [text("sun")]},
                    {"type": "tool_result", "tool_use_id": "b", "content": [text("rain")]},
                    text("so?"),
                ],
            },
        ],
    ),
    "a result that shows an image": (
        [
            HI,
            {"role": "assistant", "tool_calls": [call("a")]},
            {
                "role": "tool",
                "tool_call_id": "a",
                "content": [
                    text("map"),
                    {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
                ],
            },
        ],
        [
            HI_OUT,
            {"role": "assistant", "content": [use("a")]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "a",
                        "content": [
                            text("map"),
                            {
                                "type": "image",
                                "source": {"type": "url", "url": "https://x.example/a.png"},
                            },
                        ],
                    }
                ],
            },
        ],
    ),
    "words between results": (
        [
            HI,
            {"role": "assistant", "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "a", "content": ""},
            {"role": "user", "content": "hm"},
            {"role": "tool", "tool_call_id": "b", "content": "rain"},
        ],
        [
            HI_OUT,
            {"role": "assistant", "content": [use("a"), use("b")]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a"},
                    {"type": "tool_result", "tool_use_id": "b", "content": [text("rain")]},
                    text("hm"),
                ],
            },
        ],
    ),
    "an id twice in one turn and again later": (
        [
            HI,
            {"role": "assistant", "tool_calls": [call("x"), call("x")]},
            {"role": "tool", "tool_call_id": "x", "content": "1"},
            {"role": "tool", "tool_call_id": "x", "content": "2"},
            {"role": "assistant", "tool_calls": [call("x")]},
            {"role": "tool", "tool_call_id": "x", "content": "3"},
        ],
        [
            HI_OUT,
            {"role": "assistant", "content": [use("x"), use("x_2")]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "x", "content": [text("1")]},
                    {"type": "tool_result", "tool_use_id": "x_2", "content": [text("2")]},
                ],
            },
            {"role": "assistant", "content": [use("x_3")]},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "x_3", "content": [text("3")]}],
            },
        ],
    ),
    "an id that the wire refuses": (
        [
            HI,
            {"role": "assistant", "tool_calls": [call("functions.weather:0")]},
            {"role": "tool", "tool_call_id": "functions.weather:0", "content": "1"},
        ],
        [
            HI_OUT,
            {"role": "assistant", "content": [use("functions_weather_0")]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "functions_weather_0",
                        "content": [text("1")],
                    }
                ],
            },
        ],
    ),
    "arguments that are no JSON object": (
        [HI, {"role": "assistant", "tool_calls": [call("a", '{"city": '), call("b", "")]}],
        [
            HI_OUT,
            {
                "role": "assistant",
                "content": [use("a", {"INVALID_JSON": '{"city": '}), use("b", {})],
            },
        ],
    ),
    "images": (
        [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "image_url", "image_url": f"data:image/jpg;base64,{PNG}"},
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                    },
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG},
                    },
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
                        "type": "file",
                        "file": {
                            "filename": "a.pdf",
                            "file_data": "data:application/pdf;base64,JVBERg==",
                        },
                    },
                    {"type": "file", "file": {"file_data": "data:text/plain;base64,aMOp"}},
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "document",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": "JVBERg==",
                        },
                        "title": "a.pdf",
                    },
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "hé"},
                    },
                ],
            }
        ],
    ),
    "cache breakpoints in either wire's words": (
        [
            {
                "role": "user",
                "content": [
                    {**text("a"), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                    {**text("b"), "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {**text("c"), "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {**text("a"), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                    {**text("b"), "cache_control": {"type": "ephemeral"}},
                    {**text("c"), "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                ],
            }
        ],
    ),
    "a refusal": (
        [HI, {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, HI],
        [HI_OUT, {"role": "assistant", "content": [text("no")]}, HI_OUT],
    ),
    "thinking given back, signed and sealed": (
        [
            HI,
            {
                "role": "assistant",
                "content": "yes",
                "reasoning_content": "hm",
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig=="},
                    {"type": "redacted_thinking", "data": "sealed"},
                    {"type": "thinking", "thinking": "unsigned"},
                ],
            },
            HI,
        ],
        [
            HI_OUT,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig=="},
                    {"type": "redacted_thinking", "data": "sealed"},
                    text("yes"),
                ],
            },
            HI_OUT,
        ],
    ),
    "the same in other gateways' words": (
        [
            HI,
            {
                "role": "assistant",
                "content": "yes",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "sig=="},
                    {"type": "reasoning.encrypted", "data": "sealed"},
                    {"type": "reasoning.summary", "summary": "short"},
                ],
            },
            HI,
        ],
        [
            HI_OUT,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig=="},
                    {"type": "redacted_thinking", "data": "sealed"},
                    text("yes"),
                ],
            },
            HI_OUT,
        ],
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case: str) -> None:
    values, expected = MESSAGES[case]
    assert turns(*values) == expected


def test_leading_system_messages_become_the_system_prompt() -> None:
    body, _ = outgoing(
        messages=[
            {"role": "system", "content": "You are terse."},
            {"role": "developer", "content": [text("Really."), text("")]},
            HI,
        ]
    )
    assert body["system"] == [text("You are terse."), text("Really.")]
    assert body["messages"] == [HI_OUT]
    assert list(body) == ["model", "system", "messages", "max_tokens"]


def image(url: str) -> Json:
    part = {"type": "image_url", "image_url": {"url": url}}
    return {"messages": [{"role": "user", "content": [part]}]}


def user(part: Json) -> Json:
    return {"messages": [{"role": "user", "content": [part]}]}


REFUSED: list[tuple[Json, str]] = [
    ({"n": 2}, "n"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 3}, "top_logprobs"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"frequency_penalty": 0.5}, "frequency_penalty"),
    ({"presence_penalty": -1}, "presence_penalty"),
    ({"audio": {"voice": "alloy"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"moderation": {"model": "m"}}, "moderation"),
    ({"functions": []}, "functions"),
    ({"function_call": "auto"}, "function_call"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"stop": ["a", "\n"]}, "stop[1]"),
    ({"stop": " "}, "stop"),
    ({"tools": [TOOL, {"type": "custom", "custom": {"name": "c"}}]}, "tools[1]"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "allowed_tools": {}}},
        "tool_choice",
    ),
    (user({"type": "input_audio", "input_audio": {}}), "messages[0].content[0]"),
    (user({"type": "video_url", "video_url": {}}), "messages[0].content[0]"),
    (user({"type": "file", "file": {"file_id": "f"}}), "messages[0].content[0].file.file_id"),
    (
        user({"type": "file", "file": {"file_data": "data:image/png;base64,aGk="}}),
        "messages[0].content[0].file.file_data",
    ),
    (image("data:image/bmp;base64,aGk="), "messages[0].content[0].image_url.url"),
    ({"messages": [HI, {"role": "function", "content": "1", "name": "f"}]}, "messages[1].role"),
    (
        {"messages": [HI, {"role": "assistant", "function_call": {"name": "f"}}]},
        "messages[1].function_call",
    ),
    ({"messages": [HI, {"role": "assistant", "audio": {"id": "a"}}]}, "messages[1].audio"),
    ({"messages": [{"role": "system", "content": "s"}]}, "messages"),
    (
        {
            "messages": [
                {"role": "system", "content": [{"type": "image_url", "image_url": "http://x"}]}
            ]
        },
        "messages[0].content",
    ),
]


@pytest.mark.parametrize(("fields", "at"), REFUSED)
def test_fields_that_cant_be_carried_are_refused_by_name(fields: Json, at: str) -> None:
    with pytest.raises(NotCarried) as refused:
        outgoing(**fields)
    assert refused.value.param == at


WRONG: list[tuple[Json, str]] = [
    ({"messages": "hi"}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": [{"content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "king", "content": "hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content[0].type"),
    (user({"type": "text"}), "messages[0].content[0].text"),
    (user({"type": "image_url"}), "messages[0].content[0].image_url"),
    (image("data:image/png;base64,***"), "messages[0].content[0].image_url.url"),
    (image("data:image/png;base64,aGk"), "messages[0].content[0].image_url.url"),
    (image("data:image/png;base64,"), "messages[0].content[0].image_url.url"),
    (image("data:image/png,raw"), "messages[0].content[0].image_url.url"),
    (image("ftp://x.example/a.png"), "messages[0].content[0].image_url.url"),
    (
        user({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}),
        "messages[0].content[0].file.file_data",
    ),
    (
        {"messages": [HI, {"role": "tool", "tool_call_id": "a", "content": "1"}]},
        "messages[1].tool_call_id",
    ),
    (
        {"messages": [HI, {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]},
        "messages[1].tool_calls[0].id",
    ),
    ({"max_tokens": "many"}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"temperature": "hot"}, "temperature"),
    ({"reasoning_effort": "huge"}, "reasoning_effort"),
    ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
    ({"tools": [{"type": "function"}]}, "tools[0]"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
    ({"stream": "yes"}, "stream"),
]


@pytest.mark.parametrize(("fields", "at"), WRONG)
def test_invalid_fields_are_refused_by_name(fields: Json, at: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        outgoing(**fields)
    assert not isinstance(refused.value, NotCarried)
    assert refused.value.param == at


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"a"', b"\xff", b'{"a":1}x'])
def test_no_json_object(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        TRANSLATOR.translate(body, OLD)


def test_schemas_keep_their_bytes() -> None:
    """What the gateway need not understand it doesn't write anew."""
    parameters = '{"type" : "object","properties":{"b":{},"a":{"minimum":1e3}}}'
    body = (
        '{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function",'
        '"function":{"name":"f","parameters":' + parameters + "}}]}"
    )
    request_body = TRANSLATOR.translate(body.encode(), OLD).body
    assert parameters.encode() in request_body
    assert json.loads(request_body)["tools"][0]["name"] == "f"
