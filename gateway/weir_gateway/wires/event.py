"""Server-sent events (WHATWG HTML, section 9.2), read as they come in pieces and written.

Reading takes any line ending, comments, several `data` lines and pieces cut at any byte. Must not
know what the events mean.
"""

from dataclasses import dataclass
from typing import Final

MAX_EVENT: Final = 16 << 20  # bytes of one event; a provider that sends more is broken
_BOM: Final = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event is over MAX_EVENT."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (empty where the wire gives none) and its data's lines joined by LF."""

    name: str
    data: bytes


class EventReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_held", "_size")

    def __init__(self) -> None:
        self._held: list[bytes] = []  # pieces of the event that is not whole yet
        self._size = 0
        self._begun = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole now that `chunk` is there. Raises EventTooLarge."""
        self._held.append(chunk)
        self._size += len(chunk)
        if b"\n" not in chunk and b"\r" not in chunk and not self._cut_after_cr():
            if self._size > MAX_EVENT:
                raise EventTooLarge(f"one event is over {MAX_EVENT} bytes")
            return []
        blocks = self._unix_lines().split(b"\n\n")
        self._hold(blocks.pop())
        return [event for block in blocks if (event := _event(block)) is not None]

    def rest(self) -> list[Event]:
        """What an orderly end leaves: a last event whose blank line was forgotten."""
        data = self._unix_lines().rstrip(b"\r\n")
        self._held, self._size = [], 0
        event = _event(data)
        return [event] if event is not None else []

    def _cut_after_cr(self) -> bool:
        return len(self._held) > 1 and self._held[-2].endswith(b"\r")

    def _unix_lines(self) -> bytes:
        data = b"".join(self._held)
        if not self._begun and len(data) >= len(_BOM):
            self._begun = True
            data = data.removeprefix(_BOM)
        if b"\r" not in data:
            return data
        # A CR at the very end may be half of a CRLF: it stays a CR until more is there.
        last = b"\r" if data.endswith(b"\r") else b""
        body = data.removesuffix(last) if last else data
        return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + last

    def _hold(self, data: bytes) -> None:
        if len(data) > MAX_EVENT:
            raise EventTooLarge(f"one event is over {MAX_EVENT} bytes")
        self._held = [data] if data else []
        self._size = len(data)


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
