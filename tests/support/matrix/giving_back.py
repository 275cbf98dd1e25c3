"""What a provider signs, and how clients give it back with the result of a call.

A provider's answer is one that it signs: its calls, or the thinking before them. A client's next
request has the assistant's turn as the client got it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from support.matrix import bedrock, chat_writing, gemini, messages_writing
from support.matrix.said import LIMA, OSLO, TOOL_NAME, Called, Finish, Json, Said
from support.responses import response_of
from support.translating import completion_of, data, message_of, whole_events
from weir_wires.bedrock.converse import BEDROCK_CONVERSE
from weir_wires.bedrock.invoke import BEDROCK_INVOKE
from weir_wires.vertex.claude import CLAUDE as VERTEX_CLAUDE
from weir_wires.wire import Wire

SIGNATURE = "c2ln"
NAMES = frozenset({"signature", "thought_signature", "thoughtSignature"})
CALLS = (Called(TOOL_NAME, OSLO, "call_1"), Called(TOOL_NAME, LIMA, "call_2"))
SAID = Said("", "Both.", CALLS, Finish.CALLS)
EXTRA: Json = {"extra_content": {"google": {"thought_signature": SIGNATURE}}}

Answers = Callable[[bool], list[bytes]]  # streamed or whole → the pieces
GoesOn = Callable[[Json, bytes, bool], Json]  # the request, its answer, streamed → the next one


def _chat(stream: bool) -> list[bytes]:  # noqa: FBT001 - a table of functions
    signed: list[Json] = [
        chat_writing.call(CALLS[0], index=0, **EXTRA),
        chat_writing.call(CALLS[1], index=1),
    ]
    if stream:
        chunks = [chat_writing.chunk({"tool_calls": [call]}) for call in signed]
        return [*chunks, *chat_writing.ends("tool_calls")]
    return [chat_writing.completion({"content": None, "tool_calls": signed}, "tool_calls")]


def _gemini(stream: bool) -> list[bytes]:  # noqa: FBT001 - a table of functions
    parts = [gemini.call(CALLS[0]) | {"thoughtSignature": SIGNATURE}, gemini.call(CALLS[1])]
    return [gemini.event(gemini.answer(parts))] if stream else [gemini.answer(parts)]


def _messages(stream: bool) -> list[bytes]:  # noqa: FBT001 - a table of functions
    return messages_writing.pieces(SAID) if stream else [messages_writing.whole(SAID)]


def _converse(stream: bool) -> list[bytes]:  # noqa: FBT001 - a table of functions
    provider = bedrock.ConverseProvider()
    return provider.stream(SAID) if stream else [provider.whole(SAID)]


def _invoke(stream: bool) -> list[bytes]:  # noqa: FBT001 - a table of functions
    provider = bedrock.InvokeProvider()
    return provider.stream(SAID) if stream else [provider.whole(SAID)]


SIGNED: Mapping[Wire, Answers] = {
    Wire.OPENAI_CHAT: _chat,
    Wire.GOOGLE_GEMINI: _gemini,
    Wire.ANTHROPIC_MESSAGES: _messages,
    VERTEX_CLAUDE.wire: _messages,
    BEDROCK_CONVERSE: _converse,
    BEDROCK_INVOKE: _invoke,
}


def _chat_goes_on(asked: Json, answer: bytes, stream: bool) -> Json:  # noqa: FBT001 - a table of functions
    if stream:
        message: Json = completion_of(data(whole_events(answer)))["message"]
    else:
        message = json.loads(answer)["choices"][0]["message"]
    message["role"] = "assistant"
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}
        for call in message["tool_calls"]
    ]
    return {**asked, "messages": [*asked["messages"], message, *results]}


def _messages_goes_on(asked: Json, answer: bytes, stream: bool) -> Json:  # noqa: FBT001 - a table of functions
    message = message_of(data(whole_events(answer))) if stream else json.loads(answer)
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "sunny"}
        for block in message["content"]
        if block["type"] == "tool_use"
    ]
    turns = [
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": results},
    ]
    thinking = {"type": "enabled", "budget_tokens": 1024}
    return {
        **asked,
        "messages": [*asked["messages"], *turns],
        "thinking": thinking,
        "max_tokens": 2048,
    }


def _responses_goes_on(asked: Json, answer: bytes, stream: bool) -> Json:  # noqa: FBT001 - a table of functions
    response = response_of(data(whole_events(answer))) if stream else json.loads(answer)
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"}
        for item in response["output"]
        if item["type"] == "function_call"
    ]
    begun = {"type": "message", "role": "user", "content": asked["input"]}
    return {**asked, "input": [begun, *response["output"], *results]}


def _gemini_goes_on(asked: Json, answer: bytes, stream: bool) -> Json:  # noqa: FBT001 - a table of functions
    answers = data(whole_events(answer)) if stream else [json.loads(answer)]
    parts = [
        part
        for one in answers
        for candidate in one.get("candidates", ())
        for part in candidate.get("content", {}).get("parts", ())
    ]
    results = [
        {"functionResponse": {**_named(part["functionCall"]), "response": {"result": "sunny"}}}
        for part in parts
        if "functionCall" in part
    ]
    turns = [{"role": "model", "parts": parts}, {"role": "user", "parts": results}]
    return {**asked, "contents": [*asked["contents"], *turns]}


def _named(call: Json) -> Json:
    return {name: call[name] for name in ("id", "name") if name in call}


GOING_ON: Mapping[Wire, GoesOn] = {
    Wire.OPENAI_CHAT: _chat_goes_on,
    Wire.ANTHROPIC_MESSAGES: _messages_goes_on,
    Wire.OPENAI_RESPONSES: _responses_goes_on,
    Wire.GOOGLE_GEMINI: _gemini_goes_on,
}


def signatures(value: Any) -> Iterator[str]:
    """The signatures anywhere in a request."""
    if isinstance(value, dict):
        for name, field in value.items():  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
            if name in NAMES and isinstance(field, str):
                yield field
            yield from signatures(field)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for entry in value:  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
            yield from signatures(entry)
