"""Anthropic's whole answer as an OpenAI chat completion."""

from typing import Any, Final

import msgspec

from weir_wires.errors import MalformedResponse
from weir_wires.provider_json import decode_strictly
from weir_wires.usage import messages, openai

NO_INPUT: Final = msgspec.Raw(b"")
_STOPPED: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class Block(msgspec.Struct):
    """One content block of any type."""

    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = NO_INPUT
    thinking: str = ""
    signature: str = ""
    data: str = ""


class StopDetails(msgspec.Struct):
    """Why the model refused."""

    explanation: str | None = None


class Failure(msgspec.Struct):
    """`error` of an error object or event."""

    type: str = ""
    message: str = ""


class Message(msgspec.Struct):
    """The answer, or an error in its place."""

    type: str = "message"
    id: str = ""
    model: str = ""
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Any = None
    error: Failure | None = None


_MESSAGE: Final = msgspec.json.Decoder(Message)


def translate(body: bytes, created: int) -> bytes:
    """The completion; `created` in seconds since 1970. Raises MalformedResponse."""
    return completion(_decode(body), created)


def completion(message: Message, created: int) -> bytes:
    """The completion of an answer that has its content. Raises MalformedResponse."""
    finish = finish_reason(message.stop_reason)
    completion: dict[str, Any] = {
        "id": message.id,
        "object": "chat.completion",
        "created": created,
        "model": message.model,
        "choices": [
            {
                "index": 0,
                "message": _message(message),
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
    }
    usage = messages.read(message.usage)
    if usage is not None:
        completion["usage"] = openai.write_chat(usage)
    return msgspec.json.encode(completion)


def finish_reason(stop_reason: str | None) -> str:
    """Why it stopped, in OpenAI's words; an unknown reason is an ordinary stop."""
    return _STOPPED.get(stop_reason or "", "stop")


def arguments(raw: msgspec.Raw) -> str:
    """A call's input as the string of JSON that OpenAI's wire wants."""
    return bytes(raw).decode() or "{}"


def thinking_block(block: Block) -> dict[str, Any]:
    """A block as the client is to give it back: nothing of it may change."""
    if block.type == "redacted_thinking":
        return {"type": block.type, "data": block.data}
    return {"type": block.type, "thinking": block.thinking, "signature": block.signature}


def _decode(body: bytes) -> Message:
    message = decode_strictly(_MESSAGE, body, "message")
    if message.error is not None:
        raise MalformedResponse(f"the provider answered with an error: {message.error.message}")
    if message.content is None:
        raise MalformedResponse("the provider's answer has no content")
    return message


def _message(message: Message) -> dict[str, Any]:
    blocks = message.content or []
    text = "".join(block.text for block in blocks if block.type == "text")
    calls = [_call(block) for block in blocks if block.type == "tool_use"]
    thinking = [block for block in blocks if block.type.endswith("thinking")]
    fields: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None}
    fields["refusal"] = _refusal(message)
    reasoning = "".join(block.thinking for block in thinking)
    fields |= {"reasoning_content": reasoning} if reasoning else {}
    signed = [thinking_block(block) for block in thinking if block.signature or block.data]
    fields |= {"thinking_blocks": signed} if signed else {}
    return fields | ({"tool_calls": calls} if calls else {})


def _refusal(message: Message) -> str | None:
    details = message.stop_details
    return details.explanation if details is not None else None


def _call(block: Block) -> dict[str, Any]:
    function = {"name": block.name, "arguments": _text_of(block)}
    return {"id": block.id, "type": "function", "function": function}


def _text_of(block: Block) -> str:
    try:
        return arguments(block.input)
    except UnicodeDecodeError as error:
        raise MalformedResponse("a tool call's input is not UTF-8") from error
