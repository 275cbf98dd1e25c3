"""Chat completions and messages translated for a server that speaks both and isn't ours."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from support.llamacpp.server import MODEL, llama_server
from support.translating import Json, completion_of, data, encoded, message_of, streamed
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.messages_to_chat import MessagesToChat
from weir_wires.translator import TranslatedRequest
from weir_wires.wire import Wire

CHAT = ChatToMessages(clock=lambda: 1.0)
MESSAGES = MessagesToChat()
PATHS = {Wire.OPENAI_CHAT: "/v1/chat/completions", Wire.ANTHROPIC_MESSAGES: "/v1/messages"}
SECONDS = 60.0
TOOL: Json = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL: Json = {
    "id": "call.1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}
BODY: Json = {
    "model": "auto",
    "max_tokens": 24,
    "temperature": 0.5,
    "stop": ["never said"],
    "user": "u1",
    "tools": [TOOL],
    "messages": [
        {"role": "system", "content": "You are terse."},
        {"role": "user", "content": "How is the weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call.1", "content": "sunny"},
        {"role": "developer", "content": "Answer in one word."},
        {"role": "user", "content": "So?"},
    ],
}
STREAM: Json = {"stream": True, "stream_options": {"include_usage": True}}
SCHEMA: Json = {
    "type": "object",
    "properties": {"a": {"type": "boolean"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama_server(tmp_path_factory.mktemp("llama")) as address:
        yield address


def posted(server: str, wire: Wire, outgoing: TranslatedRequest) -> bytes:
    headers = {"Content-Type": "application/json", "anthropic-version": "2023-06-01"}
    call = urllib.request.Request(server + PATHS[wire], outgoing.body, headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(call, timeout=SECONDS) as response:  # noqa: S310 - our own server
        body: bytes = response.read()
    return body


def as_messages(body: Json) -> TranslatedRequest:
    """The body on Anthropic's wire and, for its clients, back on chat's."""
    there = CHAT.translate(encoded(body), MODEL)
    return MESSAGES.translate(there.body, MODEL)


def test_an_openai_client_of_its_messages(server: str) -> None:
    outgoing = CHAT.translate(encoded(BODY), MODEL)
    answer = json.loads(
        outgoing.response.translate(posted(server, Wire.ANTHROPIC_MESSAGES, outgoing))
    )
    usage = answer["usage"]
    assert answer["choices"][0]["message"]["content"].strip()
    assert answer["choices"][0]["finish_reason"] in {"stop", "length"}
    assert usage["prompt_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_an_openai_client_of_its_messages_streamed(server: str) -> None:
    outgoing = CHAT.translate(encoded({**BODY, **STREAM}), MODEL)
    stream = posted(server, Wire.ANTHROPIC_MESSAGES, outgoing)
    answer = completion_of(data(streamed(outgoing.response, [stream])))
    assert answer["message"]["content"].strip()
    assert answer["finish_reason"] in {"stop", "length"}
    assert answer["usage"]["completion_tokens"] > 0
    assert answer["usage"]["prompt_tokens"] > 0


def test_an_anthropic_client_of_its_chat(server: str) -> None:
    outgoing = as_messages(BODY)
    answer = json.loads(outgoing.response.translate(posted(server, Wire.OPENAI_CHAT, outgoing)))
    assert answer["content"][0]["text"].strip()
    assert answer["stop_reason"] in {"end_turn", "max_tokens"}
    assert answer["usage"]["output_tokens"] > 0


def test_an_anthropic_client_of_its_chat_streamed(server: str) -> None:
    """The second request's cached tokens are no more counted as input."""
    outgoing = as_messages({**BODY, **STREAM})
    posted(server, Wire.OPENAI_CHAT, outgoing)
    stream = posted(server, Wire.OPENAI_CHAT, outgoing)
    answer = message_of(data(streamed(outgoing.response, [stream])))
    assert answer["content"][0]["text"].strip()
    assert answer["usage"]["cache_read_input_tokens"] > answer["usage"]["input_tokens"] > 0


def test_an_anthropic_clients_schema_holds(server: str) -> None:
    """A model of random weights gives such an answer only where it is made to."""
    wanted: Json = {"type": "json_schema", "json_schema": {"schema": SCHEMA}}
    body: Json = {**BODY, "tools": [], "response_format": wanted, "max_tokens": 200}
    outgoing = as_messages({**body, "messages": [{"role": "user", "content": "hi"}]})
    answer = json.loads(outgoing.response.translate(posted(server, Wire.OPENAI_CHAT, outgoing)))
    assert list(json.loads(answer["content"][0]["text"])) == ["a"]
