"""Chat requests as Gemini gets them."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.translating import Json, encoded, sent
from weir_wires.chat_to_gemini import ChatToGemini
from weir_wires.chat_to_gemini.schemas import readable
from weir_wires.errors import InvalidBody, NotCarried, RequestError
from weir_wires.gemini.features import gemini_features
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

GEMINI_3, GEMINI_2_5, GEMINI_2 = "gemini-3-pro-preview", "gemini-2.5-flash", "gemini-2.0-flash"
USER: Json = {"role": "user", "content": "hi"}
DUMMY = "skip_thought_signature_validator"
PIXEL = "iVBORw0KGgo="


def call(ident: str = "call_1", name: str = "gauge", **fields: Any) -> Json:
    function = {"name": name, "arguments": '{"at":"mill"}'}
    return {"id": ident, "type": "function", "function": function, **fields}


def calling(*calls: Json, **fields: Any) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **fields}


def calling_ids(ids: list[str]) -> Json:
    return calling(*(call(ident) for ident in ids))


def result(ident: str = "call_1", content: Any = "1.42 m") -> Json:
    return {"role": "tool", "tool_call_id": ident, "content": content}


def translated(*messages: Json, model: str = GEMINI_2_5, **fields: Any) -> Json:
    return sent(ChatToGemini(), {"model": "auto", "messages": list(messages), **fields}, model)[0]


def dropped(model: str = GEMINI_2_5, **fields: Any) -> tuple[str, ...]:
    return sent(ChatToGemini(), {"messages": [USER], **fields}, model)[1].dropped


def contents(*messages: Json, model: str = GEMINI_2_5) -> list[Json]:
    found: list[Json] = translated(*messages, model=model)["contents"]
    return found


def test_the_model_stands_in_the_path() -> None:
    base = "https://generativelanguage.googleapis.com/v1beta"
    spec = WIRES[Wire.GOOGLE_GEMINI]
    whole = f"{base}/models/gemini-2.5-pro:generateContent"
    assert spec.url(base, "gemini-2.5-pro", stream=False) == whole
    streamed = f"{base}/tunedModels/mine:streamGenerateContent?alt=sse"
    assert spec.url(base, "tunedModels/mine", stream=True) == streamed


def test_system_messages_and_turns() -> None:
    system = {"role": "system", "content": "Be brief."}
    later = {"role": "developer", "content": "Now in verse."}
    body = translated(system, USER, {"role": "assistant", "content": "Hello."}, later, USER)
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"text": "Hello."}]},
        {
            "role": "user",
            "parts": [{"text": "<system>\nNow in verse.\n</system>"}, {"text": "hi"}],
        },
    ]


def test_a_model_without_system_instructions_reads_them_in_a_turn() -> None:
    body = translated({"role": "system", "content": "Be brief."}, USER, model="gemma-3-27b-it")
    assert "systemInstruction" not in body
    assert body["contents"][0]["parts"][0]["text"] == "<system>\nBe brief.\n</system>"


def test_media() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.webp?x=1"}},
        {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "mp3"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXEL}"}},
        {"type": "file", "file": {"file_id": "gs://bucket/film.mp4"}},
    ]
    (turn,) = contents({"role": "user", "content": parts})
    assert turn["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/a.webp?x=1"}},
        {"inlineData": {"mimeType": "audio/mp3", "data": PIXEL}},
        {"inlineData": {"mimeType": "application/pdf", "data": PIXEL}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://bucket/film.mp4"}},
    ]


def test_calls_and_results() -> None:
    _, model, user = contents(USER, calling(call()), result(content='{"level": 1.42}'))
    assert model["parts"] == [{"functionCall": {"name": "gauge", "args": {"at": "mill"}}}]
    response = {"name": "gauge", "response": {"level": 1.42}}
    assert user["parts"] == [{"functionResponse": response}]


def test_results_stand_together_before_what_the_user_adds() -> None:
    """A message between a call and its result moves behind it; a missing result is named."""
    calls = calling(call("a"), call("b"), call("c"))
    _, _, user = contents(USER, calls, result("b", "B"), USER, result("a", "A"))
    parts = user["parts"]
    assert [part.get("functionResponse", {}).get("response") for part in parts] == [
        {"output": "B"},
        {"output": "A"},
        {"error": "no result was given"},
        None,
    ]
    assert parts[-1] == {"text": "hi"}


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(InvalidBody) as refused:
        translated(USER, result("unknown"))
    assert refused.value.param == "messages[1].tool_call_id"


def test_signatures_go_back_to_gemini() -> None:
    signed: Json = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    turn = calling(call(**signed), call("call_2"))
    _, model, user = contents(USER, turn, result(), result("call_2"), model=GEMINI_3)
    assert [part.get("thoughtSignature") for part in model["parts"]] == ["c2ln", None]
    assert model["parts"][0]["functionCall"]["id"] == "call_1"
    assert user["parts"][1]["functionResponse"]["id"] == "call_2"
    _, said = contents(USER, {"role": "assistant", "content": "Hm.", **signed})
    assert said["parts"] == [{"text": "Hm.", "thoughtSignature": "c2ln"}]


def test_calls_that_another_model_made_are_taken_by_gemini_3() -> None:
    _, model, _ = contents(USER, calling(call(), call("b")), result(), model=GEMINI_3)
    assert [part.get("thoughtSignature") for part in model["parts"]] == [DUMMY, None]
    _, model, _ = contents(USER, calling(call()), result(), model=GEMINI_2_5)
    assert "thoughtSignature" not in model["parts"][0]


@pytest.mark.parametrize("name", ["x" * 100, "1st", "naïve tool", ""])
def test_names_that_gemini_refuses_come_back_whole(name: str) -> None:
    tool = {"type": "function", "function": {"name": name}}
    body, outgoing = sent(ChatToGemini(), {"messages": [USER], "tools": [tool]}, GEMINI_2_5)
    own = body["tools"][0]["functionDeclarations"][0]["name"]
    assert len(own) <= 64
    assert own.isascii()
    part: dict[str, Any] = {"functionCall": {"name": own, "args": {}}}
    candidate: dict[str, Any] = {"content": {"parts": [part]}, "finishReason": "STOP"}
    answer = outgoing.response.translate(json.dumps({"candidates": [candidate]}).encode())
    assert json.loads(answer)["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == name


def test_tools_and_the_choice_among_them() -> None:
    schema = {"type": "object", "properties": {"at": {"const": "mill"}}, "$schema": "x"}
    tools = [
        {"type": "function", "function": {"name": "gauge", "parameters": schema}},
        {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}},
    ]
    choice = {"type": "function", "function": {"name": "gauge"}}
    body = translated(USER, tools=tools, tool_choice=choice)
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "gauge",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"at": {"enum": ["mill"], "type": "string"}},
                    },
                },
                {"name": "now"},
            ]
        }
    ]
    config = {"mode": "ANY", "allowedFunctionNames": ["gauge"]}
    assert body["toolConfig"] == {"functionCallingConfig": config}
    assert translated(USER, tools=tools, tool_choice="none")["toolConfig"] == {
        "functionCallingConfig": {"mode": "NONE"}
    }
    assert "toolConfig" not in translated(USER, tool_choice="none")


@pytest.mark.parametrize(
    ("schema", "readable_schema"),
    [
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"$ref": "#/definitions/a", "description": "x"}, {"$ref": "#/$defs/a"}),
        (
            {"definitions": {"a": {"pattern": "x", "type": "string"}}},
            {"$defs": {"a": {"type": "string"}}},
        ),
        ({"oneOf": [{"type": "string"}, {"const": 1}]}, None),
        ({"enum": ["a", None], "type": "string"}, {"enum": ["a"], "type": ["string", "null"]}),
        ({"enum": [True, False], "type": "boolean"}, {"type": "boolean"}),
        (
            {"allOf": [{"type": "object", "properties": {"a": {"exclusiveMinimum": 1}}}]},
            {"type": "object", "properties": {"a": {}}},
        ),
        ({"properties": {"type": {"type": "string"}}}, None),
        ({"additionalProperties": {"minLength": 1}}, {"additionalProperties": {}}),
    ],
)
def test_schemas_say_what_gemini_reads(schema: Json, readable_schema: Json | None) -> None:
    found = readable(msgspec.Raw(encoded(schema)), "schema")
    expected = {
        "oneOf": {"anyOf": [{"type": "string"}, {"enum": [1], "type": "number"}]},
        "properties": {"properties": {"type": {"type": "string"}}, "type": "object"},
    }
    assert found == (expected[next(iter(schema))] if readable_schema is None else readable_schema)


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        (GEMINI_3, "low", {"thinkingLevel": "low"}),
        (GEMINI_3, "medium", {"thinkingLevel": "high"}),
        (GEMINI_3, "none", {"thinkingLevel": "low"}),
        ("gemini-3.1-pro", "medium", {"thinkingLevel": "medium"}),
        ("gemini-3-flash", "minimal", {"thinkingLevel": "minimal"}),
        ("gemini-flash-latest", "xhigh", {"thinkingLevel": "high"}),
        (GEMINI_2_5, "none", {"thinkingBudget": 0}),
        (GEMINI_2_5, "high", {"thinkingBudget": 24576}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        (GEMINI_2_5, None, {}),
    ],
)
def test_effort_as_each_model_knows_it(model: str, effort: str | None, config: Json) -> None:
    fields = {"reasoning_effort": effort} if effort is not None else {}
    given = translated(USER, model=model, **fields)["generationConfig"]["thinkingConfig"]
    assert given == {"includeThoughts": True, **config}


def test_a_budget_of_thinking() -> None:
    thinking = {"type": "enabled", "budget_tokens": 8000}
    config = translated(USER, thinking=thinking)["generationConfig"]["thinkingConfig"]
    assert config["thinkingBudget"] == 8000
    config = translated(USER, model=GEMINI_3, thinking=thinking)["generationConfig"]
    assert config["thinkingConfig"]["thinkingLevel"] == "high"
    off = translated(USER, thinking={"type": "disabled"})["generationConfig"]["thinkingConfig"]
    assert off["thinkingBudget"] == 0


def test_a_model_that_does_not_think_gets_no_thinking() -> None:
    assert "generationConfig" not in translated(USER, model=GEMINI_2, reasoning_effort="low")
    assert dropped(GEMINI_2, reasoning_effort="low") == ("reasoning_effort",)


def test_options() -> None:
    config = translated(
        USER,
        model=GEMINI_2,
        max_tokens=9,
        temperature=1.5,
        top_p=0.5,
        top_k=3,
        stop="x",
        seed=1,
        n=2,
        presence_penalty=0.5,
        response_format={"type": "json_object"},
    )["generationConfig"]
    assert config == {
        "temperature": 1.5,
        "topP": 0.5,
        "topK": 3,
        "maxOutputTokens": 9,
        "stopSequences": ["x"],
        "candidateCount": 2,
        "seed": 1,
        "presencePenalty": 0.5,
        "responseMimeType": "application/json",
    }
    assert dropped(presence_penalty=0.5, user="u", store=True) == (
        "presence_penalty",
        "user",
        "store",
    )


def test_the_schema_of_an_answer() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    config = translated(USER, response_format=wanted)["generationConfig"]
    assert config["responseJsonSchema"] == schema


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("logprobs", {"logprobs": True}),
        ("logit_bias", {"logit_bias": {"1": 1}}),
        ("stop", {"stop": list("abcdef")}),
        ("n", {"n": 9}),
        ("modalities", {"modalities": ["audio"]}),
        ("functions", {"functions": []}),
        ("tools[0]", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
        (
            "response_format",
            {
                "response_format": {"type": "json_object"},
                "tools": [{"type": "function", "function": {"name": "x"}}],
            },
        ),
    ],
)
def test_what_it_cannot_carry_is_refused_by_name(field: str, fields: Json) -> None:
    with pytest.raises(NotCarried) as refused:
        translated(USER, **fields)
    assert refused.value.param == field


def test_features_by_name() -> None:
    assert gemini_features("google/gemini-3.1-flash-lite").levels
    assert not gemini_features("gemini-2.5-flash-image").thinks
    assert gemini_features("gemini-flash-latest").signatures
    assert not gemini_features("gemini-1.5-pro").thinks


_TEXT = st.text(max_size=9)
_MESSAGE = st.one_of(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "developer"]),
            "content": st.one_of(
                _TEXT, st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": _TEXT}))
            ),
        }
    ),
    st.lists(_TEXT, min_size=1).map(calling_ids),
    st.builds(result, _TEXT, _TEXT),
)


@given(st.lists(_MESSAGE, max_size=8), st.sampled_from([GEMINI_3, GEMINI_2_5, "gemma-3"]))
def test_every_conversation_is_one_that_gemini_takes(messages: list[Json], model: str) -> None:
    """Turns alternate, begin with the user's, and each call has a result in the next turn."""
    try:
        turns = contents(*messages, model=model)
    except RequestError:
        return
    assert [turn["role"] for turn in turns] == [
        "user" if index % 2 == 0 else "model" for index in range(len(turns))
    ]
    for turn, after in zip(turns, [*turns[1:], None], strict=True):
        called = [p["functionCall"]["name"] for p in turn["parts"] if "functionCall" in p]
        given_back = [p for p in (after or {"parts": []})["parts"] if "functionResponse" in p]
        assert len(given_back) == len(called) or turn["role"] == "user"
        assert all(turn["parts"])


@given(st.lists(_MESSAGE, min_size=1, max_size=6), _MESSAGE)
def test_a_longer_conversation_begins_with_the_same_bytes(messages: list[Json], last: Json) -> None:
    """So that prompt caches hit; a late result may complete the last turns."""
    if last["role"] == "tool":
        return
    translator = ChatToGemini()
    try:
        shorter = translator.translate(encoded({"messages": messages}), GEMINI_3).body
        longer = translator.translate(encoded({"messages": [*messages, last]}), GEMINI_3).body
    except RequestError:
        return
    first: list[Json] = json.loads(shorter)["contents"]
    more: list[Json] = json.loads(longer)["contents"]
    assert more[: len(first) - 1] == first[:-1]
    assert more[len(first) - 1]["parts"][: len(first[-1]["parts"])] == first[-1]["parts"]
