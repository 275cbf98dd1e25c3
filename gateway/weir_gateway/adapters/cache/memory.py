"""Answers kept in this process: bounded in bytes, the least recently used go first.

Must not know what a key stands for.
"""

from collections import OrderedDict
from dataclasses import dataclass

from weir_gateway.domain.cache import CachedResponse
from weir_gateway.routing.ports import Clock

KEY_OVERHEAD = 256  # bytes of the key and what holds it, about


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: CachedResponse
    until: float
    size: int


class MemoryAnswers:
    """The port Answers, in memory."""

    def __init__(self, clock: Clock, *, max_bytes: int, max_answer: int) -> None:
        """Keep at most `most` bytes in all and `largest` of one answer."""
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_answer = max_answer
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def find(self, key: bytes) -> CachedResponse | None:
        """The answer kept under `key`, unless its time is over."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def keep(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        """Keep it, in the place of an older one; the least recently used make room."""
        size = answer.size + KEY_OVERHEAD
        if size > min(self._max_answer, self._max_bytes) or seconds <= 0:
            return
        if key in self._entries:
            self._drop(key)
        self._entries[key] = _Entry(answer, self._clock() + seconds, size)
        self.bytes += size
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: bytes) -> None:
        self.bytes -= self._entries.pop(key).size
