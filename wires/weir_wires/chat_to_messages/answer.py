"""Anthropic's whole answer as an OpenAI chat completion."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.chat_to_messages.answer_reader import read_message
from weir_wires.chat_to_messages.answer_shapes import Block, Message
from weir_wires.errors import Untranslatable
from weir_wires.lenient import json_text
from weir_wires.usage import messages, openai

_STOPPED: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def translate(body: bytes, created: int, names: ToolNames) -> bytes:
    """The completion; `created` in seconds since 1970. Raises MalformedResponse."""
    return completion(read_message(body), created, names)


def completion(message: Message, created: int, names: ToolNames) -> bytes:
    """The completion of an answer that has its content. Raises MalformedResponse."""
    calls = any(block.type == "tool_use" for block in message.content or ())
    finish = finish_reason(message.stop_reason, calls=calls)
    completion: dict[str, Any] = {
        "id": message.id,
        "object": "chat.completion",
        "created": created,
        "model": message.model,
        "choices": [
            {
                "index": 0,
                "message": _message(message, names),
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
    }
    usage = messages.read(message.usage)
    if usage is not None:
        completion["usage"] = openai.write_chat(usage)
    return msgspec.json.encode(completion)


def finish_reason(stop_reason: str | None, *, calls: bool) -> str:
    """Why it stopped, in OpenAI's words; an unknown reason is an ordinary stop."""
    reason = _STOPPED.get(stop_reason or "", "stop")
    return "tool_calls" if calls and reason == "stop" else reason


def call_id(provider_id: str, used: set[str]) -> str:
    """The provider's id of a call; one of ours where it has none or gives it twice."""
    id_, number = provider_id, len(used)
    while not id_ or id_ in used:
        id_, number = f"call_{number}", number + 1
    used.add(id_)
    return id_


def arguments(raw: msgspec.Raw) -> str:
    """A call's input as the string of JSON that OpenAI's wire wants."""
    return json_text(raw if bytes(raw) else None) or "{}"


def thinking_block(block: Block) -> dict[str, Any]:
    """A block as the client is to give it back: nothing of it may change."""
    if block.type == "redacted_thinking":
        return {"type": block.type, "data": block.data}
    return {"type": block.type, "thinking": block.thinking, "signature": block.signature}


def _message(message: Message, names: ToolNames) -> dict[str, Any]:
    blocks = message.content or []
    text = "".join(block.text for block in blocks if block.type == "text")
    calls = _calls([block for block in blocks if block.type == "tool_use"], names)
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


def _calls(blocks: Sequence[Block], names: ToolNames) -> list[dict[str, Any]]:
    """The calls. Raises Untranslatable where one has no name."""
    used: set[str] = set()
    calls: list[dict[str, Any]] = []
    for block in blocks:
        if not block.name:
            raise Untranslatable("a tool call of the provider has no name")
        id_ = call_id(block.id, used)
        function = {"name": names.own(block.name), "arguments": arguments(block.input)}
        calls.append({"id": id_, "type": "function", "function": function})
    return calls
