"""Gemini's requests and answers over the chat wire, and conversations both ways."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.translating import Json, answered, as_stream, data, encoded, sent, streamed
from weir_wires.chat_to_gemini import ChatToGemini
from weir_wires.errors import InvalidBody, MalformedResponse, NotCarried
from weir_wires.gemini_to_chat import GeminiToChat
from weir_wires.gemini_to_chat.signatures import NO_SIGNATURE, strip_foreign_thoughts
from weir_wires.registry import WIRES
from weir_wires.translator import ResponseTranslator, Translator
from weir_wires.wire import Wire

USER: Json = {"role": "user", "parts": [{"text": "hi"}]}
USAGE: Json = {
    "prompt_tokens": 100,
    "completion_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 80},
    "completion_tokens_details": {"reasoning_tokens": 20},
}
GPT, CLAUDE, LOCAL = "gpt-5", "claude-sonnet-4-5", "llama-3"


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


def call(name: str = "gauge", **fields: Any) -> Json:
    return {"functionCall": {"name": name, "args": {"at": "mill"}}, **fields}


def result(name: str = "gauge", response: Any = None, **fields: Any) -> Json:
    given = {"output": "1.42 m"} if response is None else response
    return {"functionResponse": {"name": name, "response": given, **fields}}


def chat(*contents: Json, to: str = LOCAL, **fields: Any) -> Json:
    return sent(GeminiToChat(), {"contents": list(contents), **fields}, to)[0]


def dropped(to: str = LOCAL, **fields: Any) -> tuple[str, ...]:
    return sent(GeminiToChat(), {"contents": [USER], **fields}, to)[1].dropped


def messages(*contents: Json) -> list[Json]:
    found: list[Json] = chat(*contents)["messages"]
    return found


def response() -> ResponseTranslator:
    return GeminiToChat().translate(encoded({"contents": [USER]}), LOCAL).response


def completion(message: Json, finish: str = "stop") -> Json:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c1", "model": "m", "choices": [choice], "usage": USAGE}


def test_a_request() -> None:
    body = chat(
        USER,
        model({"text": "Hello."}),
        USER,
        systemInstruction={"parts": [{"text": "Be brief."}]},
        generationConfig={
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 3,
            "maxOutputTokens": 9,
            "stopSequences": ["x"],
            "candidateCount": 2,
            "seed": 1,
        },
    )
    assert body == {
        "model": LOCAL,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "hi"},
        ],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 1,
        "stop": ["x"],
        "n": 2,
    }


def test_names_in_snake_case() -> None:
    """But not those that are the client's own: arguments and schemas."""
    declaration = {
        "name": "read_gauge",
        "parameters": {"type": "OBJECT", "properties": {"mill_name": {"type": "STRING"}}},
    }
    body = chat(
        {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}]},
        model({"function_call": {"name": "read_gauge", "args": {"mill_name": "x"}}}),
        system_instruction={"parts": [{"text": "s"}]},
        generation_config={"max_output_tokens": 3},
        tools=[{"function_declarations": [declaration]}],
    )
    assert body["max_tokens"] == 3
    assert body["messages"][1]["content"][0]["image_url"]["url"] == "data:image/png;base64,AA=="
    arguments = body["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"mill_name": "x"}
    assert body["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"mill_name": {"type": "string"}},
    }


def test_a_stream_asks_for_its_usage() -> None:
    say_stream = WIRES[Wire.GOOGLE_GEMINI].say_stream
    assert say_stream is not None
    body = say_stream(b' \n{"contents": [{"parts": [{"text": "hi"}]}]}')
    request = json.loads(GeminiToChat().translate(body, LOCAL).body)
    assert (request["stream"], request["stream_options"]) == (True, {"include_usage": True})


def test_calls_and_results_by_name_and_by_id() -> None:
    turns = messages(
        USER,
        model(
            {"text": "Let me see."}, call(), call(), {"functionCall": {"name": "now", "id": "x"}}
        ),
        {"role": "user", "parts": [result("now", id="x"), result(response={"level": 1}), result()]},
    )
    assert [each["id"] for each in turns[1]["tool_calls"]] == ["call_1", "call_2", "x"]
    assert turns[1]["content"] == "Let me see."
    assert [(each["tool_call_id"], each["content"]) for each in turns[2:]] == [
        ("x", "1.42 m"),
        ("call_1", '{"level": 1}'),
        ("call_2", "1.42 m"),
    ]


def test_a_result_without_its_call_is_refused() -> None:
    with pytest.raises(InvalidBody) as refused:
        chat(USER, {"role": "user", "parts": [result()]})
    assert refused.value.param == "contents[1].parts[0].functionResponse"


def test_tools_of_the_provider_are_left_out_and_named() -> None:
    tools: list[Json] = [{"googleSearch": {}}, {"functionDeclarations": [{"name": "now"}]}]
    body, outgoing = sent(GeminiToChat(), {"contents": [USER], "tools": tools}, LOCAL)
    assert [tool["function"]["name"] for tool in body["tools"]] == ["now"]
    assert outgoing.dropped == ("tools[].googleSearch",)


def test_fields_that_no_one_knows_are_named_at_any_depth() -> None:
    contents = [{"parts": [{"text": "hi", "videoMetadata": {"fps": 1}}]}]
    tools = [{"functionDeclarations": [{"name": "now", "behavior": "BLOCKING"}]}]
    asked: Json = {"contents": contents, "tools": tools, "generationConfig": {"newest": 1}}
    assert set(sent(GeminiToChat(), asked, LOCAL)[1].dropped) == {
        "contents[].parts[].videoMetadata",
        "tools[].functionDeclarations[].behavior",
        "generationConfig.newest",
    }


@pytest.mark.parametrize(
    ("config", "names", "choice"),
    [
        ({"mode": "AUTO"}, ["a", "b"], None),
        ({"mode": "NONE"}, ["a", "b"], "none"),
        ({"mode": "ANY"}, ["a", "b"], "required"),
        (
            {"mode": "ANY", "allowedFunctionNames": ["b"]},
            ["b"],
            {"type": "function", "function": {"name": "b"}},
        ),
    ],
)
def test_the_choice_among_tools(config: Json, names: list[str], choice: Any) -> None:
    tools = [{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}]
    body = chat(USER, tools=tools, toolConfig={"functionCallingConfig": config})
    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert body.get("tool_choice") == choice


def test_the_form_of_the_answer() -> None:
    schema: Json = {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING", "nullable": True}, "b": {"anyOf": []}},
        "propertyOrdering": ["a"],
        "required": ["a"],
    }
    config: Json = {"responseMimeType": "application/json", "responseSchema": schema}
    wanted = chat(USER, generationConfig=config)["response_format"]
    assert wanted["json_schema"]["schema"] == {
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}, "b": {"anyOf": []}},
        "required": ["a"],
    }
    plain = chat(USER, generationConfig={"responseMimeType": "application/json"})
    assert plain["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("config", "effort"),
    [
        ({"thinkingLevel": "LOW"}, "low"),
        ({"thinkingBudget": 0}, "low"),
        ({"thinkingBudget": 5000}, "medium"),
        ({"thinkingBudget": 30000}, "high"),
        ({"thinkingBudget": -1}, None),
        ({"includeThoughts": True}, None),
    ],
)
def test_thinking(config: Json, effort: str | None) -> None:
    generation = {"thinkingConfig": config}
    assert chat(USER, to=GPT, generationConfig=generation).get("reasoning_effort") == effort
    lost = ("generationConfig.thinkingConfig",) if effort else ()
    assert dropped(generationConfig=generation) == lost


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("cachedContent", {"cachedContent": "cachedContents/1"}),
        (
            "generationConfig.responseModalities",
            {"generationConfig": {"responseModalities": ["IMAGE"]}},
        ),
        ("generationConfig.responseLogprobs", {"generationConfig": {"responseLogprobs": True}}),
    ],
)
def test_what_it_cannot_carry_is_refused_by_name(field: str, fields: Json) -> None:
    with pytest.raises(NotCarried) as refused:
        chat(USER, **fields)
    assert refused.value.param == field


def test_a_file_that_only_google_can_read_is_refused() -> None:
    file = {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a.png"}}
    with pytest.raises(NotCarried):
        chat({"role": "user", "parts": [file]})


@pytest.mark.parametrize("streams", [False, True])
def test_a_long_name_comes_back_whole(streams: bool) -> None:  # noqa: FBT001 - parametrised
    name = "x" * 120
    asked: Json = {"contents": [USER], "tools": [{"functionDeclarations": [{"name": name}]}]}
    body, outgoing = sent(GeminiToChat(), asked, LOCAL)
    short = body["tools"][0]["function"]["name"]
    assert len(short) <= 64
    called = {"index": 0, "id": "a", "function": {"name": short, "arguments": "{}"}}
    if streams:
        stream = chunks({"tool_calls": [called]}, finish="tool_calls")
        candidate = data(streamed(outgoing.response, [stream]))[-1]["candidates"][0]
    else:
        message = {"content": None, "tool_calls": [called]}
        candidate = answered(outgoing.response, completion(message))["candidates"][0]
    assert candidate["content"]["parts"][-1]["functionCall"]["name"] == name


def test_a_whole_answer() -> None:
    message: Json = {
        "reasoning_content": "Hm.",
        "content": "Let me see.",
        "tool_calls": [{"id": "a", "function": {"name": "gauge", "arguments": '{"at": 1}'}}],
    }
    found = answered(response(), completion(message, "tool_calls"))
    (candidate,) = found["candidates"]
    thought, text, called = candidate["content"]["parts"]
    assert (thought["text"], thought["thought"]) == ("Hm.", True)
    assert text == {"text": "Let me see."}
    assert called == {
        "functionCall": {"id": "a", "name": "gauge", "args": {"at": 1}},
        "thoughtSignature": NO_SIGNATURE,
    }
    assert candidate["finishReason"] == "STOP"
    assert found["usageMetadata"] == {
        "promptTokenCount": 100,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 20,
        "cachedContentTokenCount": 80,
        "totalTokenCount": 127,
    }


def chunks(*deltas: Json, finish: str = "stop") -> bytes:
    events: list[Json] = [
        {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas
    ]
    end: Json = {"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    usage: Json = {"id": "c1", "choices": [], "usage": USAGE}
    return as_stream([*events, end, usage], named=False) + b"data: [DONE]\n\n"


@given(st.data())
def test_a_stream_cut_at_any_byte_translates_the_same(draw: st.DataObject) -> None:
    begun = {"index": 0, "id": "a", "function": {"name": "gauge", "arguments": '{"at"'}}
    rest = {"index": 0, "function": {"arguments": ": 1}"}}
    body = chunks(
        {"reasoning_content": "Hm."},
        {"content": "Zoë 😀"},
        {"tool_calls": [begun]},
        {"tool_calls": [rest]},
        finish="tool_calls",
    )
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [body[a:b] for a, b in itertools.pairwise([0, *cuts, len(body)])]
    events = data(streamed(response(), pieces))
    parts = [p for event in events for c in event["candidates"] for p in c["content"]["parts"]]
    assert [part.get("text") for part in parts] == ["Hm.", "Zoë 😀", None]
    assert parts[2]["functionCall"] == {"id": "a", "name": "gauge", "args": {"at": 1}}
    assert events[-1]["candidates"][0]["finishReason"] == "STOP"
    assert events[-1]["usageMetadata"]["totalTokenCount"] == 127


def test_a_stream_that_breaks_off_is_not_whole() -> None:
    broken = as_stream([{"choices": [{"index": 0, "delta": {"content": "x"}}]}], named=False)
    with pytest.raises(MalformedResponse):
        streamed(response(), [broken])


@pytest.mark.parametrize("streams", [False, True])
def test_anothers_thinking_goes_back_to_its_provider(streams: bool) -> None:  # noqa: FBT001 - parametrised
    block = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
    if streams:
        numbered = {"index": 0, **block}
        body = chunks(
            {"reasoning_content": "Hm."}, {"thinking_blocks": [numbered]}, {"content": "x"}
        )
        events = data(streamed(response(), [body]))
        candidates = [c for event in events for c in event["candidates"]]
    else:
        message = {"reasoning_content": "Hm.", "thinking_blocks": [block], "content": "x"}
        candidates = answered(response(), completion(message))["candidates"]
    parts = [part for each in candidates for part in each["content"]["parts"]]
    assert "".join(part["text"] for part in parts if part.get("thought")) == "Hm."
    _, given_back = messages(USER, model(*parts))
    assert given_back["thinking_blocks"] == [block]
    assert "reasoning_content" not in given_back
    # And it doesn't reach a Gemini.
    passed = json.loads(strip_foreign_thoughts(encoded({"contents": [USER, model(*parts)]})))
    assert passed["contents"][1]["parts"] == [{"text": "x"}]


def test_plain_reasoning_goes_back_in_its_own_field() -> None:
    for name in ("reasoning_content", "reasoning"):
        found = answered(response(), completion({name: "Hm.", "content": "x"}))
        parts = found["candidates"][0]["content"]["parts"]
        _, given_back = messages(USER, model(*_as_the_sdk_does(parts)))
        assert given_back[name] == "Hm."


def _as_the_sdk_does(parts: list[Json]) -> list[Json]:
    """Its signatures are bytes, written in the alphabet for URLs."""
    made = [dict(part) for part in parts]
    for part in made:
        if "thoughtSignature" in part:
            read = base64.b64decode(part["thoughtSignature"].replace("-", "+").replace("_", "/"))
            part["thoughtSignature"] = base64.urlsafe_b64encode(read).decode()
    return made


def test_geminis_own_signatures_survive_chat_and_back() -> None:
    there = messages(
        USER,
        model(call(thoughtSignature="c2ln"), call()),
        {"role": "user", "parts": [result(), result()]},
    )
    assert there[1]["tool_calls"][0]["extra_content"]["google"]["thought_signature"] == "c2ln"
    back = sent(ChatToGemini(), {"messages": there}, "gemini-3-pro")[0]["contents"]
    assert [part.get("thoughtSignature") for part in back[1]["parts"]] == ["c2ln", None]


def test_the_same_bytes_where_nothing_is_foreign() -> None:
    body = b'{"contents": [{"parts": [{"text": "d2Vpcj"}, {"thoughtSignature": "c2ln"}]}]}'
    assert strip_foreign_thoughts(body) is body


_TEXT = st.text(min_size=1, max_size=9).filter(lambda text: text.strip() != "")
_NAME = st.sampled_from(["gauge", "now"])
_ARGS = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """Turns as a client of Gemini's writes them: each call has its result."""
    turns: list[Json] = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "parts": [{"text": draw(_TEXT)}]})
        names = draw(st.lists(_NAME, max_size=3))
        calls: list[Json] = [{"functionCall": {"name": n, "args": draw(_ARGS)}} for n in names]
        text: list[Json] = [{"text": draw(_TEXT)}] if not calls or draw(st.booleans()) else []
        turns.append(model(*text, *calls))
        if calls:
            given = [result(n, draw(_ARGS.map(lambda a: {"x": 1, **a}))) for n in names]
            turns.append({"role": "user", "parts": given})
            turns.append(model({"text": draw(_TEXT)}))
    return turns


@given(conversations())
def test_any_conversation_survives_chat(turns: list[Json]) -> None:
    there = messages(*turns)
    back = sent(ChatToGemini(), {"messages": there}, "gemini-2.5-pro")[0]["contents"]
    assert back == turns


@pytest.mark.parametrize(
    ("provider", "to"),
    [(Wire.ANTHROPIC_MESSAGES, CLAUDE), (Wire.OPENAI_CHAT, GPT)],
)
@given(conversations())
def test_any_conversation_reaches_every_provider(
    provider: Wire, to: str, turns: list[Json]
) -> None:
    route = WIRES.route(Wire.GOOGLE_GEMINI, {provider})
    assert route is not None
    translator: Translator | None = route.translator
    assert translator is not None
    body = json.loads(translator.translate(encoded({"contents": turns}), to).body)
    called = sum("functionCall" in part for turn in turns for part in turn["parts"])
    text = json.dumps(body)
    assert text.count('"tool_call_id"') + text.count('"tool_use_id"') == called


def test_refusals_of_the_second_translator_name_the_clients_field() -> None:
    route = WIRES.route(Wire.GOOGLE_GEMINI, {Wire.ANTHROPIC_MESSAGES})
    assert route is not None
    assert route.translator is not None
    config = {"candidateCount": 2}
    with pytest.raises(NotCarried) as refused:
        sent(route.translator, {"contents": [USER], "generationConfig": config}, CLAUDE)
    assert refused.value.param == "generationConfig.candidateCount"
