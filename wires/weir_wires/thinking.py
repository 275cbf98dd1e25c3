"""Where a thinking block came from, written into its signature (decision 64).

Anthropic's clients give thinking blocks back with the signature they got. Thinking that a chat
provider wrote has no signature of Anthropic's; Weir's says which field of the chat wire it belongs
to, and holds the provider's own signature, if it has one. What a provider wants back with a call
has no place in a call of other wires, and travels in a redacted block of its own (decision 136).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

MARK: Final = "weir:"
_QUOTED_MARK: Final = f'"{MARK}'.encode()
_SIGNED: Final = {"thinking": "signature", "redacted_thinking": "data"}


class _Block(msgspec.Struct):
    type: str = ""
    signature: str = ""
    data: str = ""


_BLOCK: Final = msgspec.json.Decoder(_Block)
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])
_EXTRAS: Final = msgspec.json.Decoder(dict[str, dict[str, Any]])
# Of a call or a message on the chat wire; Gemini's signature is in the first.
EXTRA_FIELDS: Final = ("extra_content", "provider_specific_fields")


class ReasoningField(StrEnum):
    """The fields of chat messages in which providers put reasoning, or their mark on a call."""

    REASONING_CONTENT = "reasoning_content"  # text
    REASONING = "reasoning"  # text
    THINKING_BLOCKS = "thinking_blocks"  # Anthropic's own blocks, signed
    REASONING_DETAILS = "reasoning_details"  # typed entries, perhaps signed or encrypted
    TOOL_CALLS = "tool_calls"  # what a provider wants back with its calls, by their ids


@dataclass(frozen=True, slots=True)
class Origin:
    """The field a block came in, and the provider's signature or encrypted data."""

    field: ReasoningField
    signature: str


def mark(field: ReasoningField, signature: str = "") -> str:
    """The signature that the client gets."""
    return f"{MARK}{field}:{signature}"


def origin(signature: str) -> Origin | None:
    """Where a block came from; None where no chat provider wrote it."""
    if not signature.startswith(MARK):
        return None
    name, _, rest = signature.removeprefix(MARK).partition(":")
    try:
        return Origin(ReasoningField(name), rest)
    except ValueError:
        return None


def mark_extras(extras: Mapping[str, Mapping[str, Any]]) -> str:
    """What a provider wants back with its calls, as the data of a redacted block.

    `extras` has the fields by the call's id as the client knows it; "" stands for the message.
    """
    return mark(ReasoningField.TOOL_CALLS, msgspec.json.encode(extras).decode())


def extras_in(signature: str) -> dict[str, dict[str, Any]]:
    """The fields by call that `mark_extras` wrote; none where it didn't."""
    try:
        extras = _EXTRAS.decode(signature)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {id_: known for id_, fields in extras.items() if (known := known_extras(fields))}


def known_extras(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `fields` in which providers put what they want back."""
    return {name: fields[name] for name in EXTRA_FIELDS if fields.get(name)}


def strip_extras(messages: Iterable[dict[str, Any]]) -> None:
    """Take out of a chat's messages what only the provider that wrote it wants back."""
    for message in messages:
        for place in (message, *message.get("tool_calls", ())):
            for name in EXTRA_FIELDS:
                place.pop(name, None)


def strip_foreign_thinking(body: bytes) -> bytes:
    """An Anthropic request without the thinking that no Anthropic model wrote.

    A conversation that a chat model began may go on with an Anthropic model, whose API refuses
    signatures that it didn't make. Marked blocks are left out, or get back the signature that
    Anthropic gave them. The very same bytes come back where nothing is marked, and where the body
    is not what the wire says: its provider then tells the client what is wrong.
    """
    if _QUOTED_MARK not in body:
        return body
    try:
        fields: dict[str, Any] = {**_OBJECT.decode(body)}
        messages = [_strip_message(raw) for raw in _LIST.decode(fields["messages"])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return body
    fields["messages"] = [message for message in messages if message is not None]
    return msgspec.json.encode(fields)


def _strip_message(raw: msgspec.Raw) -> msgspec.Raw | dict[str, Any] | None:
    """A turn; None where nothing of it is left."""
    if _QUOTED_MARK not in bytes(raw):
        return raw
    fields: dict[str, Any] = {**_OBJECT.decode(raw)}
    content = fields.get("content")
    if content is None or not bytes(content).startswith(b"["):
        return raw
    blocks = [_strip_block(block) for block in _LIST.decode(content)]
    fields["content"] = [block for block in blocks if block is not None]
    return fields if fields["content"] else None


def _strip_block(raw: msgspec.Raw) -> msgspec.Raw | dict[str, Any] | None:
    if _QUOTED_MARK not in bytes(raw):
        return raw
    block = _BLOCK.decode(raw)
    name = _SIGNED.get(block.type)
    if name is None:
        return raw  # the words of a text, say
    came_from = origin(block.signature if name == "signature" else block.data)
    if came_from is None:
        return raw
    if came_from.field is not ReasoningField.THINKING_BLOCKS:
        return None
    return {**_FIELDS.decode(raw), name: came_from.signature}
