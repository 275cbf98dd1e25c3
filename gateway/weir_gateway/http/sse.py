"""Server-sent events on their way through: whole events only, not a byte changed.

An event that breaks off half-way must not reach the client: its line would run into the error
event that follows. So what comes after the last blank line waits for the rest of its event.
"""

MAX_PENDING = 1 << 20  # bytes of one unfinished event; past that it is let through as it is

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST = 3  # bytes of an end that may have come without its last


class EventBuffer:
    """Lets complete events pass and holds the unfinished one."""

    __slots__ = ("_pending", "_size", "_tail")

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # pieces: joined once, however many they are
        self._size = 0
        self._tail = b""  # the last bytes of them: half of an end, perhaps

    def feed(self, chunk: bytes) -> bytes:
        """What may be sent now that `chunk` is there; often `chunk` itself."""
        if not self._pending and chunk.endswith(_ENDS):
            return chunk
        seen = self._tail + chunk
        end = max(_after_last(seen, mark) for mark in _ENDS) - len(self._tail)
        if end <= 0:
            self._append(chunk)
            return self.rest() if self._size > MAX_PENDING else b""
        passed = b"".join([*self._pending, chunk[:end]])
        self.rest()
        self._append(chunk[end:])
        return passed

    def rest(self) -> bytes:
        """What an orderly end leaves: a last event without its blank line."""
        held = b"".join(self._pending)
        self._pending, self._size, self._tail = [], 0, b""
        return held

    def _append(self, piece: bytes) -> None:
        if piece:
            self._pending.append(piece)
            self._size += len(piece)
            self._tail = (self._tail + piece)[-_LONGEST:]


def _after_last(data: bytes, mark: bytes) -> int:
    at = data.rfind(mark)
    return 0 if at < 0 else at + len(mark)
