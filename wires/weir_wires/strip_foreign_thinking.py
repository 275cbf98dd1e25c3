"""An Anthropic request without the thinking that no Anthropic model wrote (decision 64).

For requests that pass as they are: a conversation that a chat model began may go on with an
Anthropic one, whose API refuses signatures that it didn't make. Must not know why it moved.
"""

from typing import Any, Final

import msgspec

from weir_wires.thinking import MARK, Field, Origin, origin

_MARK: Final = f'"{MARK}'.encode()
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_SIGNED: Final = {"thinking": "signature", "redacted_thinking": "data"}


class _Block(msgspec.Struct):
    type: str = ""
    signature: str = ""
    data: str = ""


_BLOCK: Final = msgspec.json.Decoder(_Block)
_FIELDS: Final = msgspec.json.Decoder(dict[str, Any])


def own_thinking(body: bytes) -> bytes:
    """`body` with marked blocks left out, or with the signature that Anthropic gave them.

    The very same bytes where there are none, and where the body is not what the wire says: its
    provider then tells the client what is wrong.
    """
    if _MARK not in body:
        return body
    try:
        fields: dict[str, Any] = {**_OBJECT.decode(body)}
        messages = [_message(raw) for raw in _LIST.decode(fields["messages"])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
        return body
    fields["messages"] = [message for message in messages if message is not None]
    return msgspec.json.encode(fields)


def _message(raw: msgspec.Raw) -> msgspec.Raw | dict[str, Any] | None:
    """A turn; None where nothing of it is left."""
    if _MARK not in bytes(raw):
        return raw
    fields: dict[str, Any] = {**_OBJECT.decode(raw)}
    content = fields.get("content")
    if content is None or not bytes(content).startswith(b"["):
        return raw
    blocks = [_block(one) for one in _LIST.decode(content)]
    fields["content"] = [block for block in blocks if block is not None]
    return fields if fields["content"] else None


def _block(raw: msgspec.Raw) -> msgspec.Raw | dict[str, Any] | None:
    if _MARK not in bytes(raw):
        return raw
    told = _BLOCK.decode(raw)
    name = _SIGNED.get(told.type)
    if name is None:
        return raw  # the words of a text, say
    came: Origin | None = origin(told.signature if name == "signature" else told.data)
    if came is None:
        return raw
    if came.field is not Field.THINKING_BLOCKS:
        return None
    return {**_FIELDS.decode(raw), name: came.signature}
