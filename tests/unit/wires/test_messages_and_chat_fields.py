"""The tables of what is carried, dropped and refused say what is done, and forget no field.

The fields there are, and the shape of answers, are read from the official SDKs' own types.
"""

from typing import Any, get_type_hints

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from support.translating import Json, as_stream, data, encoded, streamed
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.errors import NotCarried
from weir_wires.messages_to_chat import MessagesToChat
from weir_wires.translator import Fate, Field, Translator
from weir_wires.wire import Wire

CHAT: Translator = ChatToMessages(clock=lambda: 1.0)
MESSAGES: Translator = MessagesToChat()
TABLES = {
    Wire.OPENAI_CHAT: CHAT.fields,
    Wire.ANTHROPIC_MESSAGES: MESSAGES.fields,
}
TRANSLATORS = {Wire.OPENAI_CHAT: CHAT, Wire.ANTHROPIC_MESSAGES: MESSAGES}
BODY: Json = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
# A value that asks for something, for each field that is dropped or refused whole.
ASKING: dict[str, Any] = {
    "n": 2,
    "logprobs": True,
    "top_logprobs": 2,
    "logit_bias": {"1": 1},
    "frequency_penalty": 1,
    "presence_penalty": 1,
    "modalities": ["audio"],
}
# Where the SDK names a field otherwise than by its own name in the body.
HEADERS = {"workspace_id"}


def top(table: tuple[Field, ...]) -> dict[str, Fate]:
    result: dict[str, Fate] = {}
    for field in table:
        result.setdefault(field.name.split("[")[0].split(".")[0], field.fate)
    return result


@pytest.mark.parametrize(
    ("wire", "params"),
    [
        (Wire.OPENAI_CHAT, CompletionCreateParamsStreaming),
        (Wire.ANTHROPIC_MESSAGES, MessageCreateParamsStreaming),
    ],
)
def test_no_field_of_the_sdk_is_forgotten(wire: Wire, params: type) -> None:
    to_messages = set(get_type_hints(params)) - HEADERS
    assert to_messages - set(top(TABLES[wire])) == set()


CASES = [
    (wire, field.name, field.fate)
    for wire, table in TABLES.items()
    for field in table
    if "[" not in field.name and "." not in field.name and field.fate is not Fate.CARRIED
]


@pytest.mark.parametrize(("wire", "name", "fate"), CASES)
def test_each_field_is_carried_dropped_or_refused_as_declared(
    wire: Wire, name: str, fate: Fate
) -> None:
    field = "a_field_nobody_knows" if name == "any other field" else name
    request = encoded({**BODY, field: ASKING.get(name, {"a": 1})})
    if fate is Fate.DROPPED:
        assert TRANSLATORS[wire].translate(request, "some-model").dropped == (field,)
        return
    with pytest.raises(NotCarried) as refused:
        TRANSLATORS[wire].translate(request, "some-model")
    assert refused.value.param == name


def test_each_field_is_declared_once() -> None:
    for table in TABLES.values():
        names = [field.name for field in table]
        assert len(names) == len(set(names))


USED: Json = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
ANSWER: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "a"}, USED],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3},
}
EVENTS: list[Json] = [
    {"type": "message_start", "message": {**ANSWER, "content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {**USED, "input": {}}},
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'},
    },
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
WISHES: Json = {"stream": True, "stream_options": {"include_usage": True}}


def test_what_an_openai_client_gets_fits_its_sdks_types() -> None:
    response_translator = CHAT.translate(encoded({**BODY, **WISHES}), "claude").response
    whole = ChatCompletion.model_validate_json(
        response_translator.translate(_json(ANSWER)), strict=True
    )
    assert whole.usage is not None
    assert whole.usage.prompt_tokens == 4
    chunks = data(streamed(response_translator, [as_stream(EVENTS, named=True)]))
    result = [ChatCompletionChunk.model_validate(chunk) for chunk in chunks]
    assert result[-1].usage == whole.usage
    assert result[-2].choices[0].finish_reason == "tool_calls"


def test_what_an_anthropic_client_gets_fits_its_sdks_types() -> None:
    to_messages = CHAT.translate(encoded({**BODY, **WISHES}), "claude").response
    to_chat = MESSAGES.translate(encoded(BODY), "some-model").response
    whole = Message.model_validate_json(
        to_chat.translate(to_messages.translate(_json(ANSWER))), strict=True
    )
    assert whole.usage.input_tokens == 1
    assert whole.usage.cache_read_input_tokens == 3
    chunks = streamed(to_messages, [as_stream(EVENTS, named=True)])
    again = b"".join(b"data: " + event.data + b"\n\n" for event in chunks)
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    kinds = [adapter.validate_python(event).type for event in data(streamed(to_chat, [again]))]
    assert kinds == [event["type"] for event in EVENTS]


def _json(value: Json) -> bytes:
    return as_stream([value], named=False).removeprefix(b"data: ")
