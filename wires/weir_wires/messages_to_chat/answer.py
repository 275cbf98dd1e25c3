"""OpenAI's whole chat completion as an Anthropic message."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from weir_wires.bounds import ToolNames
from weir_wires.chat_answer import (
    ChatMessage,
    Choice,
    Completion,
    Finish,
    ToolCall,
    read_whole,
    signed_entries,
    text_entry,
)
from weir_wires.errors import MalformedResponse, Untranslatable
from weir_wires.request_body import tool_input
from weir_wires.thinking import mark, mark_extras
from weir_wires.usage import messages, openai

_ENDED: Final = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.CALLS: "tool_use",
    Finish.FILTER: "refusal",
}

Block = dict[str, Any]  # as it goes out


def translate(body: bytes, names: ToolNames) -> bytes:
    """The message. Raises MalformedResponse."""
    completion, choice = read_whole(body)
    message = choice.any_message or ChatMessage()
    calls = message.calls
    blocks = [*_thinking(message), *_texts(message), *_calls(message, completion.id or "", names)]
    answer = {
        **opening(completion),
        "content": blocks,
        **ending(choice, calls=bool(calls), refused=bool(message.refusal)),
        "usage": messages.write(openai.read_chat(completion)),
    }
    return msgspec.json.encode(answer)


def opening(completion: Completion) -> dict[str, Any]:
    """How a message begins."""
    return {
        "id": completion.id or "msg_unnamed",
        "type": "message",
        "role": "assistant",
        "model": completion.model or "",
    }


def ending(choice: Choice, *, calls: bool, refused: bool) -> dict[str, str | None]:
    """Why it stopped, in Anthropic's words. Some servers say `stop` after calls, too.

    Raises MalformedResponse where the server gave up.
    """
    finish = choice.finish or Finish.STOP
    if finish is Finish.FAILED:
        raise MalformedResponse(f"the provider gave up: {choice.finish_reason}")
    reason = _ENDED[finish]
    met = choice.stop_reason if isinstance(choice.stop_reason, str) else None
    if reason in {"end_turn", "tool_use"}:
        reason = "tool_use" if calls else "refusal" if refused else "end_turn"
    if reason == "end_turn" and met is not None:
        reason = "stop_sequence"
    return {"stop_reason": reason, "stop_sequence": met if reason == "stop_sequence" else None}


def call_id(provider_id: str | None, answer: str, number: int, taken: set[str]) -> str:
    """The provider's id of a call; one of ours where it has none or gives it twice."""
    unique_id = (
        provider_id if provider_id and provider_id not in taken else f"toolu_{answer}_{number}"
    )
    taken.add(unique_id)
    return unique_id


def thinking_block(text: str, signature: str) -> Block:
    """Thinking with the mark of where it came from."""
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted_block(data: str) -> Block:
    """Thinking that only its provider can read, marked likewise."""
    return {"type": "redacted_thinking", "data": data}


def extras_block(extras: Mapping[str, Mapping[str, Any]]) -> Block:
    """What a provider wants back with its calls, by their ids."""
    return redacted_block(mark_extras(extras))


def _thinking(message: ChatMessage) -> list[Block]:
    blocks: list[Block] = []
    for field, entry in signed_entries(message):
        if entry.data:
            blocks.append(redacted_block(mark(field, entry.data)))
        else:
            blocks.append(thinking_block(entry.text, mark(field, entry.signature)))
    plain = text_entry(message)
    if plain is not None and not any(block["type"] == "thinking" for block in blocks):
        blocks.insert(0, thinking_block(plain[1], mark(plain[0])))
    return blocks


def _texts(message: ChatMessage) -> list[Block]:
    text = (message.content or "") + (message.refusal or "")
    return [{"type": "text", "text": text}] if text else []


def _calls(message: ChatMessage, answer: str, names: ToolNames) -> list[Block]:
    """The calls, after what the provider wants back with them and with the message."""
    blocks = list(_call_blocks(message.calls, answer, names))
    pairs = zip(blocks, message.calls, strict=True)
    extras = {block["id"]: call.extras for block, call in pairs if call.extras}
    extras |= {"": message.extras} if message.extras else {}
    return [extras_block(extras), *blocks] if extras else blocks


def _call_blocks(calls: Sequence[ToolCall], answer: str, names: ToolNames) -> Iterator[Block]:
    taken = set[str]()
    for number, call in enumerate(calls):
        if not call.name:
            raise Untranslatable("a tool call of the provider has no name")
        yield {
            "type": "tool_use",
            "id": call_id(call.id, answer, number, taken),
            "name": names.own(call.name),
            "input": tool_input(call.arguments),
        }
