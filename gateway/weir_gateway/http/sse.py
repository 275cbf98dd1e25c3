"""Passes server-sent events through byte for byte, whole events only.

An event that breaks off half-way must not reach the client: its line would run into the error
event that follows. So bytes after the last blank line wait for the rest of their event.
"""

MAX_PENDING = 1 << 20  # bytes of one incomplete event; a longer one is passed on as it comes

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_MAX_TAIL = 3  # bytes of an event's end that may arrive without its last byte


class EventBuffer:
    """Lets complete events pass and holds back the incomplete one."""

    __slots__ = ("_pending", "_size", "_tail", "inside")

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # joined once, whatever the number of pieces
        self.inside = False  # whether a part of a long event was passed on
        self._size = 0
        self._tail = b""  # the last bytes of `_pending`, which may be half of an event's end

    def feed(self, chunk: bytes) -> bytes:
        """Add `chunk` and return the bytes that may be sent now; often `chunk` itself."""
        if not self._pending and not self.inside and chunk.endswith(_ENDS):
            return chunk
        searched = self._tail + chunk
        end = max(_after_last(searched, mark) for mark in _ENDS) - len(self._tail)
        if end <= 0:
            self._append(chunk)
            self.inside = self.inside or self._size > MAX_PENDING
            return self.rest() if self._size > MAX_PENDING else b""
        self.inside = False
        complete = b"".join([*self._pending, chunk[:end]])
        self.rest()
        self._append(chunk[end:])
        return complete

    def rest(self) -> bytes:
        """Take out what is pending; at an orderly end, a last event without its blank line."""
        pending = b"".join(self._pending)
        self._pending, self._size, self._tail = [], 0, b""
        return pending

    def _append(self, piece: bytes) -> None:
        if piece:
            self._pending.append(piece)
            self._size += len(piece)
            self._tail = (self._tail + piece)[-_MAX_TAIL:]


def _after_last(data: bytes, mark: bytes) -> int:
    at = data.rfind(mark)
    return 0 if at < 0 else at + len(mark)
