"""Server-sent events (WHATWG HTML, section 9.2), read as they come in pieces and written.

Reading takes any line ending, comments, several `data` lines and pieces cut at any byte. Must not
know what the events mean.
"""

from dataclasses import dataclass
from typing import Final

MAX_EVENT: Final = 16 << 20  # bytes of one event; a provider that sends more is broken
_BOM: Final = b"\xef\xbb\xbf"
_LF: Final = 0x0A


class EventTooLarge(ValueError):
    """One event is over MAX_EVENT."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (empty where the wire gives none) and its data's lines joined by LF."""

    name: str
    data: bytes


class EventReader:
    """Reads one stream, in time that grows with its length alone, however it is cut."""

    __slots__ = ("_after_cr", "_blank", "_head", "_lines", "_size")

    def __init__(self) -> None:
        self._head: bytes | None = b""  # the first bytes, while they may be a byte order mark
        self._lines: list[bytes] = []  # lines of the event that is not whole yet, ended by LF
        self._size = 0
        self._after_cr = False  # an LF that comes next belongs to the CR before it
        self._blank = False  # what is held ends a line: an LF that comes next ends the event

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole now that `chunk` is there. Raises EventTooLarge."""
        lines = self._unix_lines(self._without_mark(chunk))
        if not lines:
            return []
        self._lines.append(lines)
        self._size += len(lines)
        ends = b"\n\n" in lines or (self._blank and lines[0] == _LF)
        self._blank = lines[-1] == _LF
        blocks = b"".join(self._lines).split(b"\n\n") if ends else []
        if blocks:
            rest = blocks.pop()
            self._lines, self._size = [rest], len(rest)
            self._blank = self._blank and rest != b""
        if self._size > MAX_EVENT:
            raise EventTooLarge(f"one event is over {MAX_EVENT} bytes")
        return [event for block in blocks if (event := _event(block)) is not None]

    def rest(self) -> list[Event]:
        """What an orderly end leaves: a last event whose blank line was forgotten."""
        data = b"".join([*self._lines, self._head or b""])
        self._lines, self._size, self._head = [], 0, None
        event = _event(data.rstrip(b"\n"))
        return [event] if event is not None else []

    def _without_mark(self, chunk: bytes) -> bytes:
        if self._head is None:
            return chunk
        self._head += chunk
        if len(self._head) < len(_BOM) and _BOM.startswith(self._head):
            return b""
        begun, self._head = self._head, None
        return begun.removeprefix(_BOM)

    def _unix_lines(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" not in data:
            return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def write(data: bytes, name: str = "") -> bytes:
    """One event; `data` is one line, as JSON is."""
    if name:
        return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"


def _event(block: bytes) -> Event | None:
    """The event of one block of lines; None where it has no data, such as a comment."""
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return Event(name.decode("utf-8", "replace"), b"\n".join(data)) if data else None
