"""Server-sent events on their way through: whole events only, not a byte changed.

An event that breaks off half-way must not reach the client: its line would run into the error
event that follows. So what comes after the last blank line waits for the rest of its event.
"""

MAX_HELD = 1 << 20  # bytes of one unfinished event; past that it is let through as it is

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class WholeEvents:
    """Lets complete events pass and holds the unfinished one."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may be sent now that `chunk` is there; often `chunk` itself."""
        if not self._held and chunk.endswith(_ENDS):
            return chunk
        data = self._held + chunk
        end = max(_after_last(data, mark) for mark in _ENDS)
        if end == 0 and len(data) > MAX_HELD:
            end = len(data)
        self._held = data[end:]
        return data[:end]

    def rest(self) -> bytes:
        """What an orderly end leaves: a last event without its blank line."""
        held, self._held = self._held, b""
        return held


def _after_last(data: bytes, mark: bytes) -> int:
    at = data.rfind(mark)
    return 0 if at < 0 else at + len(mark)
