"""Conversations and the backend that served each last, in this gateway's memory.

Bounded by entries, the longest unused out first. Keys are hashes: no prompt is kept. Must not know
what stickiness is worth.
"""

from collections import OrderedDict

from weir_gateway.routing.ports import Clock
from weir_gateway.routing.steps.sticky import WarmBackend


class MemorySessions:
    """The store."""

    def __init__(self, clock: Clock, *, entries: int) -> None:
        """`entries` 0 remembers nothing; one takes about 0.4 kB."""
        self._clock = clock
        self._limit = entries
        self._entries: OrderedDict[str, tuple[float, WarmBackend]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def warm(self, session: str) -> WarmBackend | None:
        """Who served it last; None where that is unknown or too long ago."""
        entry = self._entries.get(session)
        if entry is None:
            return None
        until, warm = entry
        if self._clock() >= until:
            del self._entries[session]
            return None
        return warm

    def keep(self, session: str, warm: WarmBackend, seconds: float) -> None:
        """Remember it for `seconds` from now."""
        self._entries[session] = (self._clock() + seconds, warm)
        self._entries.move_to_end(session)
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)
