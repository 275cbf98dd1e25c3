"""All that a model wrote in one event, or in a whole message: to be estimated."""

from typing import Any, Final

import msgspec

from weir_wires.provider_json import decode_event


class _Piece(msgspec.Struct):
    """A block, or a piece of one."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    name: Any = None
    input: Any = None


class _Written(msgspec.Struct):
    """A whole message or one event of any type."""

    content: Any = None
    content_block: _Piece | None = None
    delta: _Piece | None = None


_WRITTEN: Final = msgspec.json.Decoder(_Written)
_FIELDS: Final = ("text", "thinking", "partial_json", "name")


def messages_written(data: bytes) -> str:
    """Words, thinking and calls, of tools that the provider runs among them."""
    written = decode_event(_WRITTEN, data)
    if written is None:
        return ""
    pieces = [*_blocks(written.content), written.content_block, written.delta]
    return "".join(_of(piece) for piece in pieces if piece is not None)


def _blocks(content: object) -> list[_Piece]:
    try:
        return msgspec.convert(content, list[_Piece])
    except msgspec.ValidationError:
        return []


def _of(piece: _Piece) -> str:
    texts = [text for name in _FIELDS if isinstance(text := getattr(piece, name), str)]
    if piece.input:  # in a stream it is empty, and its pieces follow
        texts.append(msgspec.json.encode(piece.input).decode())
    return "".join(texts)
