"""OpenAI's whole chat completion as an Anthropic message."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from weir_wires.errors import MalformedResponse
from weir_wires.provider_json import decode_strictly
from weir_wires.request_body import tool_input
from weir_wires.thinking import ReasoningField, mark
from weir_wires.usage import messages, openai

NO_ARGUMENTS: Final = msgspec.Raw(b"")
_ENDED: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}

Block = dict[str, Any]  # as it goes out


class TextPart(msgspec.Struct):
    """A part of content, where a server writes it as a list."""

    text: str = ""


class Call(msgspec.Struct):
    """`function` of a tool call; some servers write its arguments as an object."""

    name: str | None = None
    arguments: msgspec.Raw = NO_ARGUMENTS


class ToolCall(msgspec.Struct):
    """One call, or in streams a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Call | None = None


class ReasoningEntry(msgspec.Struct):
    """One of `thinking_blocks` or `reasoning_details`."""

    type: str = ""
    thinking: str | None = None
    text: str | None = None
    signature: str | None = None
    data: str | None = None


class ChatMessage(msgspec.Struct):
    """What the model says: `message`, or in streams `delta`."""

    content: str | list[TextPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking_blocks: list[ReasoningEntry] | None = None
    reasoning_details: list[ReasoningEntry] | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    """One of `choices`."""

    index: int | None = 0
    message: ChatMessage | None = None
    delta: ChatMessage | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None  # some servers: the stop sequence that was met
    usage: Any = None  # some servers tell it here


class Completion(msgspec.Struct):
    """A completion, or a chunk of one, or an error in its place."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None
    error: Any = None


_COMPLETION: Final = msgspec.json.Decoder(Completion)
_STRING: Final = msgspec.json.Decoder(str)


def translate(body: bytes) -> bytes:
    """The message. Raises MalformedResponse."""
    completion = read(body)
    choice = next(iter(completion.choices or ()), None)
    if choice is None or choice.message is None:
        raise MalformedResponse("the provider's answer has no choice")
    message = choice.message
    calls = message.tool_calls or []
    answer = {
        **opening(completion),
        "content": [*_thinking(message), *_texts(message), *_calls(calls, completion.id or "")],
        **ending(choice, calls=bool(calls), refused=bool(message.refusal)),
        "usage": messages.write(openai.read_chat(completion)),
    }
    return msgspec.json.encode(answer)


def read(data: bytes) -> Completion:
    """Decode a completion or a chunk. Raises MalformedResponse, with the provider's words."""
    completion = decode_strictly(_COMPLETION, data, "chat completion")
    if completion.error:  # some servers always write one, empty where there is none
        raise MalformedResponse(_error_text(completion.error))
    return completion


def opening(completion: Completion) -> dict[str, Any]:
    """How a message begins."""
    return {
        "id": completion.id or "msg_unnamed",
        "type": "message",
        "role": "assistant",
        "model": completion.model or "",
    }


def ending(choice: Choice, *, calls: bool, refused: bool) -> dict[str, str | None]:
    """Why it stopped, in Anthropic's words. Some servers say `stop` after calls, too."""
    reason = _ENDED.get(choice.finish_reason or "", "end_turn")
    met = choice.stop_reason if isinstance(choice.stop_reason, str) else None
    if reason == "end_turn":
        reason = "tool_use" if calls else "refusal" if refused else reason
    if reason == "end_turn" and met is not None:
        reason = "stop_sequence"
    return {"stop_reason": reason, "stop_sequence": met if reason == "stop_sequence" else None}


def text_of(content: str | list[TextPart] | None) -> str:
    """The words of content, however they are written."""
    if isinstance(content, list):
        return "".join(part.text for part in content)
    return content or ""


def arguments_of(call: ToolCall) -> str:
    """A call's arguments, or a piece of them, as text."""
    raw = bytes(call.function.arguments) if call.function is not None else b""
    if raw[:1] == b'"':
        return _STRING.decode(raw)
    return "" if raw == b"null" else raw.decode()


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


def signed(message: ChatMessage) -> Iterator[tuple[ReasoningField, ReasoningEntry]]:
    """The entries that have a signature or encrypted data, and the field they are from."""
    for entry in message.thinking_blocks or ():
        if entry.signature or entry.data:
            yield ReasoningField.THINKING_BLOCKS, entry
    if not message.thinking_blocks:
        for entry in message.reasoning_details or ():
            if entry.signature or entry.data:
                yield ReasoningField.REASONING_DETAILS, entry


def plain_reasoning(message: ChatMessage) -> tuple[ReasoningField, str] | None:
    """Unsigned reasoning and the field it is in."""
    if message.reasoning_content:
        return ReasoningField.REASONING_CONTENT, message.reasoning_content
    if message.reasoning:
        return ReasoningField.REASONING, message.reasoning
    return None


def _thinking(message: ChatMessage) -> list[Block]:
    blocks: list[Block] = []
    for field, entry in signed(message):
        if entry.data:
            blocks.append(redacted_block(mark(field, entry.data)))
        else:
            text = entry.thinking or entry.text or ""
            blocks.append(thinking_block(text, mark(field, entry.signature or "")))
    plain = plain_reasoning(message)
    if plain is not None and not any(block["type"] == "thinking" for block in blocks):
        blocks.insert(0, thinking_block(plain[1], mark(plain[0])))
    return blocks


def _texts(message: ChatMessage) -> list[Block]:
    text = text_of(message.content) + (message.refusal or "")
    return [{"type": "text", "text": text}] if text else []


def _calls(calls: Sequence[ToolCall], answer: str) -> Iterator[Block]:
    taken = set[str]()
    for number, call in enumerate(calls):
        if call.function is None or not call.function.name:
            raise MalformedResponse("a tool call of the provider has no name")
        try:
            arguments = tool_input(arguments_of(call))
        except (UnicodeDecodeError, msgspec.DecodeError) as error:
            raise MalformedResponse(f"a tool call's arguments are not text: {error}") from error
        yield {
            "type": "tool_use",
            "id": call_id(call.id, answer, number, taken),
            "name": call.function.name,
            "input": arguments,
        }


def _error_text(error: object) -> str:
    value = msgspec.to_builtins(error)
    if isinstance(value, dict):
        value = value.get("message", value)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of any shape
    return str(value)  # pyright: ignore[reportUnknownArgumentType] - JSON of any shape
