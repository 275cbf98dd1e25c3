"""Reads Anthropic's answers and events: at once where they are as documented, else by field."""

from typing import Any, Final

import msgspec

from weir_wires.chat_to_messages.answer_shapes import (
    NO_INPUT,
    Block,
    Delta,
    Message,
    StopDetails,
    StreamEvent,
)
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event
from weir_wires.lenient import (
    Object,
    blank,
    json_text,
    list_of,
    object_of,
    text,
    value,
    whole_number,
)
from weir_wires.provider_json import mended_object

_MESSAGE: Final = msgspec.json.Decoder(Message)
_EVENT: Final = msgspec.json.Decoder(StreamEvent)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# The type of a delta that doesn't tell it, by the field that has something.
_KINDS: Final = {
    "text": "text_delta",
    "partial_json": "input_json_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
}


def read_message(body: bytes) -> Message:
    """A whole answer. Raises MalformedResponse where it is none, with the provider's words."""
    try:
        message = _MESSAGE.decode(body)
        _check(message.content)
    except _UNREADABLE:
        message = _message(mended_object(body, "message"))
    if not blank(message.error):
        raise MalformedResponse(
            f"the provider answered with an error: {error_words(message.error)}"
        )
    if message.content is None and message.stop_reason is None:
        raise MalformedResponse("the provider's answer has no content")
    return message


def read_event(event: Event) -> StreamEvent:
    """One event; its name tells the type where its data doesn't. Raises MalformedResponse."""
    try:
        fields = _EVENT.decode(event.data)
        if fields.content_block is not None:
            _check([fields.content_block])
    except _UNREADABLE:
        fields = _event(mended_object(event.data, "event of its wire"))
    if not fields.type:
        fields.type = event.name
    if fields.delta is not None and not fields.delta.type:
        delta = fields.delta
        kinds = (kind for name, kind in _KINDS.items() if getattr(delta, name))
        delta.type = next(kinds, "")
    if fields.type != "error" and not blank(fields.error):
        fields.type = "error"
    return fields


def error_words(error: Any) -> str:
    """What an error says, in whichever form."""
    if isinstance(error, dict):
        fields: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        return str(fields.get("message") or fields.get("type") or fields)
    return str(error or "the provider reports an error")


def _check(blocks: list[Block] | None) -> None:
    """Decoding leaves a call's input as it is, so its characters are looked at here."""
    for block in blocks or ():
        if block.input is not NO_INPUT:
            bytes(block.input).decode()
        if not block.type and block.text:
            block.type = "text"


def _message(fields: Object) -> Message:
    content = fields.get("content")
    details = object_of(fields.get("stop_details"))
    return Message(
        id=text(fields.get("id")) or "",
        model=text(fields.get("model")) or "",
        content=None if content is None else [_block(raw) for raw in list_of(content)],
        stop_reason=text(fields.get("stop_reason")),
        stop_details=StopDetails(text(details.get("explanation"))) if details else None,
        usage=value(fields.get("usage")),
        error=value(fields.get("error")),
    )


def _block(raw: msgspec.Raw) -> Block:
    """A block; a plain text counts as one."""
    plain = text(raw)
    if plain is not None:
        return Block("text", text=plain)
    fields = object_of(raw)
    kind = text(fields.get("type")) or ("text" if "text" in fields else "")
    return Block(
        type=kind,
        text=text(fields.get("text")) or "",
        id=text(fields.get("id")) or "",
        name=text(fields.get("name")) or "",
        input=fields.get("input", NO_INPUT),
        thinking=text(fields.get("thinking")) or "",
        signature=text(fields.get("signature")) or "",
        data=text(fields.get("data")) or "",
    )


def _event(fields: Object) -> StreamEvent:
    message, block, delta = (fields.get(name) for name in ("message", "content_block", "delta"))
    return StreamEvent(
        type=text(fields.get("type")) or "",
        index=whole_number(fields.get("index")) or 0,
        message=_message(object_of(message)) if message is not None else None,
        content_block=_block(block) if block is not None else None,
        delta=_delta(delta) if delta is not None else None,
        usage=value(fields.get("usage")),
        error=value(fields.get("error")),
    )


def _delta(raw: msgspec.Raw) -> Delta:
    plain = text(raw)
    if plain is not None:
        return Delta("text_delta", text=plain)
    fields = object_of(raw)
    details = object_of(fields.get("stop_details"))
    return Delta(
        type=text(fields.get("type")) or "",
        text=text(fields.get("text")) or "",
        partial_json=json_text(fields.get("partial_json")) or "",
        thinking=text(fields.get("thinking")) or "",
        signature=text(fields.get("signature")) or "",
        stop_reason=text(fields.get("stop_reason")),
        stop_details=StopDetails(text(details.get("explanation"))) if details else None,
    )
