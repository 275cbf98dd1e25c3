"""A stream that isn't parsed as it passes: its beginning and end are stored and read last."""

import contextlib
from collections import deque
from typing import Final

from weir_wires.event import EventReader, EventTooLarge
from weir_wires.spec import StreamReader, WireSpec

HEAD: Final = 4 * 1024  # bytes: the first event may tell what was read
TAIL: Final = 16 * 1024  # bytes: usage stands in one of the last events
MAX_TAIL: Final = 16 << 20  # bytes of a last event that is larger than the tail
_DATA: Final = b"data: "
_MARK_SPAN: Final = 64  # bytes in which a mark that is cut in two is looked for


class StreamEnds:
    """The beginning and the end of one stream, as it passes."""

    __slots__ = (
        *("_chunks", "_cut", "_head", "_head_size", "_marks", "_max_tail", "_reader", "_size"),
        "pieces",
    )

    def __init__(self, wire: WireSpec) -> None:
        self.pieces = 0  # events that have passed, but for one that was cut in its first word
        self._reader = wire.reader
        self._marks = wire.large_events
        self._head: list[bytes] = []
        self._head_size = 0  # bytes of the head
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._max_tail = TAIL
        self._cut = False  # whether something between beginning and end was dropped

    def feed(self, chunk: bytes) -> None:
        """Store `chunk`, and drop what is neither near the beginning nor near the end."""
        self.pieces += chunk.count(_DATA)
        if self._head_size < HEAD:
            self._head.append(chunk)
            self._head_size += len(chunk)
            return
        chunks = self._chunks
        chunks.append(chunk)
        self._size += len(chunk)
        if self._marks and self._max_tail == TAIL and self._marked():
            self._max_tail = MAX_TAIL
        while self._size - len(chunks[0]) > self._max_tail:
            self._size -= len(chunks.popleft())
            self._cut = True

    @property
    def last(self) -> bytes:
        """The chunk that came last."""
        return self._chunks[-1] if self._chunks else (self._head[-1] if self._head else b"")

    def read(self) -> StreamReader:
        """Read the stored events; one that was cut counts for nothing."""
        reader = self._reader()
        events = EventReader()
        between = [b"\n\n"] if self._cut else []
        with contextlib.suppress(
            EventTooLarge
        ):  # more than a last event has: its usage stays unknown
            whole = events.feed(b"".join([*self._head, *between, *self._chunks]))
            for event in whole + events.rest():
                reader.feed(event)
        return reader

    def _marked(self) -> bool:
        chunk = self._chunks[-1]
        if len(self._chunks) > 1:
            chunk = self._chunks[-2][-_MARK_SPAN:] + chunk
        return any(mark in chunk for mark in self._marks)
