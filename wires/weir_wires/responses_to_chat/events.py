"""The events of a Responses stream as bytes, numbered.

The frequent ones are bytes around the one string that changed.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from weir_wires.event import write

_encode: Final = msgspec.json.Encoder().encode


class NumberedEvents:
    """Writes events; each has the next number."""

    __slots__ = ("_number",)

    def __init__(self) -> None:
        self._number = 0

    def event(self, kind: str, fields: Mapping[str, Any]) -> bytes:
        """An event of any kind."""
        numbered = {"type": kind, "sequence_number": self._next(), **fields}
        return write(_encode(numbered), kind)

    def delta(self, kind: str, position: bytes, piece: str, rest: bytes = b"") -> bytes:
        """A piece of something; `position` and `rest` are fields that are written already."""
        head = b'{"type":"%b","sequence_number":%d,' % (kind.encode(), self._next())
        return write(head + position + b',"delta":' + _encode(piece) + rest + b"}", kind)

    def _next(self) -> int:
        number, self._number = self._number, self._number + 1
        return number


def position(item_id: str, output_index: int, part: str = "") -> bytes:
    """The fields that say where a piece belongs; `part` names the part's index, which is 0."""
    fields: dict[str, Any] = {"item_id": item_id, "output_index": output_index}
    return _encode(fields | ({part: 0} if part else {}))[1:-1]
