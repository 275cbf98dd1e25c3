"""Cached answers and sticky sessions in memory; the least recently used are evicted first."""

from collections import OrderedDict
from dataclasses import dataclass

from weir_gateway.domain.cache import CachedResponse
from weir_gateway.routing.ports import Clock
from weir_gateway.routing.steps.sticky import WarmBackend
from weir_runtime.lru import LruDict

KEY_OVERHEAD = 256  # bytes for the key and the entry, roughly


@dataclass(frozen=True, slots=True)
class _Entry:
    answer: CachedResponse
    until: float
    size: int


class MemoryAnswers:
    """Cached answers, bounded in bytes."""

    def __init__(self, clock: Clock, *, max_bytes: int, max_answer: int) -> None:
        """Store at most `max_bytes` in total and `max_answer` bytes per answer."""
        self._clock = clock
        self._max_bytes = max_bytes
        self._max_answer = max_answer
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: bytes) -> CachedResponse | None:
        """The answer stored under `key`, unless it has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def put(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        """Store an answer for `seconds`; the least recently used make room."""
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


class MemorySessions:
    """The backend that served each conversation last, by a hash of the conversation."""

    def __init__(self, clock: Clock, *, entries: int) -> None:
        """At most `entries` conversations, about 0.4 kB each; 0 stores none."""
        self._clock = clock
        self._entries: LruDict[str, tuple[float, WarmBackend]] = LruDict(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, session: str) -> WarmBackend | None:
        """The backend that served `session` last; None if unknown or expired."""
        entry = self._entries.get(session)
        if entry is None:
            return None
        until, warm = entry
        if self._clock() >= until:
            self._entries.discard(session)
            return None
        return warm

    def put(self, session: str, warm: WarmBackend, seconds: float) -> None:
        """Store it for `seconds`."""
        self._entries.put(session, (self._clock() + seconds, warm))
