"""Responses requests as chat completions: golden cases, what is refused and what is left out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.translating import Json, sent
from weir_wires.errors import InvalidBody, NotCarried, RequestError
from weir_wires.responses_to_chat import ResponsesToChat
from weir_wires.responses_to_chat.reasoning import encode_reasoning

TRANSLATOR = ResponsesToChat()
CALL: Json = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "read_gauge",
    "arguments": '{"gauge":"mill"}',
}
CHAT_CALL: Json = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "read_gauge", "arguments": '{"gauge":"mill"}'},
}
OUTPUT: Json = {"type": "function_call_output", "call_id": "call_1", "output": "1.42 m"}
SCHEMA: Json = {"type": "object", "properties": {"gauge": {"type": "string"}}}
WEB_SEARCH: list[Json] = [{"type": "web_search"}]
THOUGHT: Json = {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}


def chat(model: str = "llama", **fields: Any) -> Json:
    body, _ = sent(TRANSLATOR, {"model": "auto", "input": "hi", **fields}, model)
    return body


def messages(*items: Json, **fields: Any) -> list[Json]:
    result: list[Json] = chat(input=list(items), **fields)["messages"]
    return result


def test_string() -> None:
    assert chat() == {"model": "llama", "messages": [{"role": "user", "content": "hi"}]}


def test_everything_that_is_carried() -> None:
    body = chat(
        instructions="Be short.",
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        parallel_tool_calls=False,
        user="u",
        prompt_cache_key="k",
        text={
            "format": {"type": "json_schema", "name": "v", "schema": SCHEMA, "strict": True},
            "verbosity": "low",
        },
        tools=[
            {
                "type": "function",
                "name": "read_gauge",
                "description": "d",
                "parameters": SCHEMA,
                "strict": False,
            }
        ],
        tool_choice={"type": "function", "name": "read_gauge"},
        stream=True,
    )
    assert list(body)[:3] == ["model", "tools", "messages"]
    function = {
        "name": "read_gauge",
        "description": "d",
        "parameters": SCHEMA,
        "strict": False,
    }
    assert body == {
        "model": "llama",
        "tools": [{"type": "function", "function": function}],
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "hi"},
        ],
        "max_tokens": 50,
        "tool_choice": {"type": "function", "function": {"name": "read_gauge"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "v", "schema": SCHEMA, "strict": True},
        },
        "verbosity": "low",
        "temperature": 0.5,
        "top_p": 0.9,
        "parallel_tool_calls": False,
        "user": "u",
        "prompt_cache_key": "k",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_reasoning_models_take_an_effort_and_the_newer_limit() -> None:
    fields: Json = {"max_output_tokens": 9, "reasoning": {"effort": "low", "summary": "auto"}}
    body = chat("gpt-5-mini", **fields)
    assert body["max_completion_tokens"] == 9
    assert body["reasoning_effort"] == "low"
    assert "reasoning_effort" not in chat("llama", **fields)


def test_a_call_its_result_and_the_text_before_it() -> None:
    content = {"type": "message", "role": "assistant", "content": "Let me see."}
    assert messages({"role": "user", "content": "hi"}, content, CALL, OUTPUT) == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CHAT_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "1.42 m"},
    ]


def test_parallel_calls_are_one_turn_and_their_results_follow() -> None:
    second = {**CALL, "call_id": "call_2"}
    result = messages(CALL, second, OUTPUT, {**OUTPUT, "call_id": "call_2"})
    assert [m["role"] for m in result] == ["assistant", "tool", "tool"]
    assert [call["id"] for call in result[0]["tool_calls"]] == ["call_1", "call_2"]


def test_tool_media_comes_after_all_results() -> None:
    image = {"type": "input_image", "image_url": "https://x.test/a.png"}
    shown = {**OUTPUT, "output": [{"type": "input_text", "text": "here"}, image]}
    result = messages(CALL, {**CALL, "call_id": "call_2"}, shown, {**OUTPUT, "call_id": "call_2"})
    assert [m["role"] for m in result] == ["assistant", "tool", "tool", "user"]
    assert result[1]["content"] == "here"
    assert result[3]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    ]


def test_content_parts() -> None:
    parts = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,AA==",
        },
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]
    (message,) = messages({"role": "user", "content": parts})
    assert message["content"] == [
        {"type": "text", "text": "see"},
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"},
        },
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        },
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    ]


def test_developer_turns_and_the_assistants_refusals() -> None:
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert messages({"role": "developer", "content": "d"}, refused) == [
        {"role": "system", "content": "d"},
        {"role": "assistant", "content": "", "refusal": "No."},
    ]


def test_reasoning_returns_to_its_own_fields() -> None:
    thinking_text: Json = {
        "type": "reasoning",
        "summary": [],
        "encrypted_content": encode_reasoning(THOUGHT),
    }
    content = {"role": "assistant", "content": [{"type": "output_text", "text": "so"}]}
    result = messages(
        {"role": "user", "content": "hi"}, thinking_text, content, thinking_text, CALL, OUTPUT
    )
    assert result[1] == {"role": "assistant", "content": "so", **THOUGHT}
    assert result[2] == {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL], **THOUGHT}


def test_a_longer_conversation_begins_with_the_same_bytes() -> None:
    items: list[Json] = [{"role": "user", "content": "hi"}, CALL, OUTPUT]
    more: list[Json] = [{"role": "assistant", "content": "done"}, {"role": "user", "content": "ok"}]
    _, short = sent(TRANSLATOR, {"model": "a", "input": items}, "m")
    _, long = sent(TRANSLATOR, {"model": "a", "input": items + more}, "m")
    assert long.body.startswith(short.body.removesuffix(b"]}"))


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("previous_response_id", {"previous_response_id": "resp_1"}),
        ("conversation", {"conversation": "conv_1"}),
        ("prompt", {"prompt": {"id": "p"}}),
        ("background", {"background": True}),
        ("top_logprobs", {"top_logprobs": 2}),
        ("include", {"include": ["message.output_text.logprobs"]}),
        ("tool_choice", {"tools": WEB_SEARCH, "tool_choice": {"type": "web_search"}}),
        ("tool_choice", {"tools": WEB_SEARCH, "tool_choice": "required"}),
        ("tool_choice", {"tool_choice": {"type": "function", "name": "not_offered"}}),
        ("tool_choice", {"tool_choice": {"type": "allowed_tools", "mode": "required"}}),
        ("input[0]", {"input": [{"type": "item_reference", "id": "x"}]}),
        (
            "input[0].content[0].file_id",
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
        ),
        (
            "input[0].content[0].file_id",
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        ),
        (
            "input[0].content[0]",
            {"input": [{"role": "user", "content": [{"type": "input_video"}]}]},
        ),
    ],
)
def test_fields_that_cant_be_carried_are_refused_by_name(field: str, fields: Json) -> None:
    with pytest.raises(NotCarried) as refused:
        chat(**fields)
    assert refused.value.param == field
    assert field in refused.value.message


MISTAKES: list[tuple[str, Json]] = [
    ("input", {"input": None}),
    ("input", {"input": []}),
    ("input[0].type", {"input": [{}]}),
    ("input[0].role", {"input": [{"role": "robot", "content": "x"}]}),
    ("input[0].call_id", {"input": [{**CALL, "call_id": None}]}),
    ("input[0].name", {"input": [{**CALL, "name": None}]}),
    ("input[0].call_id", {"input": [{**OUTPUT, "call_id": ""}]}),
    (
        "input[0].content[0].input_audio",
        {"input": [{"role": "user", "content": [{"type": "input_audio"}]}]},
    ),
    ("input[0].content[0].text", {"input": [{"role": "user", "content": [{"type": "text"}]}]}),
    ("tools[0].name", {"tools": [{"type": "function"}]}),
    ("tool_choice", {"tool_choice": "sometimes"}),
    ("max_output_tokens", {"max_output_tokens": 0}),
    ("max_output_tokens", {"max_output_tokens": "many"}),
    ("text.format.schema", {"text": {"format": {"type": "json_schema", "name": "v"}}}),
]


@pytest.mark.parametrize(("field", "fields"), MISTAKES)
def test_invalid_fields_are_refused_by_name(field: str, fields: Json) -> None:
    with pytest.raises(InvalidBody) as raised:
        chat(**fields)
    assert raised.value.param == field


def test_harmless_fields_are_dropped_and_named() -> None:
    foreign: Json = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    body: Json = {
        "model": "a",
        "input": [{"role": "user", "content": "hi"}, foreign],
        "store": True,
        "metadata": {"a": "b"},
        "truncation": "auto",
        "background": False,
        "max_tool_calls": 3,
        "new_field": 1,
    }
    _, outgoing = sent(TRANSLATOR, body, "m")
    assert set(outgoing.dropped) == {
        "input[].reasoning",
        "store",
        "metadata",
        "truncation",
        "max_tool_calls",
        "new_field",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "name", "call_id", "output", "format"]
            ),
            inner | st.sampled_from(["message", "user", "assistant", "function_call", "reasoning"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["input", "tools", "tool_choice", "text", "reasoning", "instructions"]),
        JSON,
    )
)
def test_any_body_is_translated_or_refused(fields: Json) -> None:
    body = json.dumps({"model": "auto", **fields}).encode()
    named = ""
    try:
        request_body = TRANSLATOR.translate(body, "m").body
    except RequestError as refused:
        request_body, named = b"{}", refused.param or ""
    assert named or json.loads(request_body)["messages"]
