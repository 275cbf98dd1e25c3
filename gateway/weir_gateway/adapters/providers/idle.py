"""A limit on how long a stream may be silent, by one timer for the whole stream.

A timeout of its own for every read costs more than everything else that is done for a chunk. Must
not know what is read.
"""

import asyncio
from typing import Protocol


class Interruptible(Protocol):
    """What is read: a read that waits raises what is set."""

    def set_exception(self, exc: Exception, /) -> None:
        """Wake whoever waits, with `exc`."""
        ...


class IdleTimeout:
    """Ends a read that has waited `seconds`; time between reads doesn't count."""

    __slots__ = ("_loop", "_reader", "_seconds", "_since", "_timer")

    def __init__(self, reader: Interruptible, seconds: float) -> None:
        self._reader = reader
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None  # when the read that is under way began
        self._timer: asyncio.TimerHandle | None = None

    def read_started(self) -> None:
        """A read begins."""
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._since + self._seconds, self._check)

    def read_finished(self) -> None:
        """It has ended."""
        self._since = None

    def stop(self) -> None:
        """Nothing is read any more."""
        self._since = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        if self._since is None:
            return  # the next read sets the timer again
        due = self._since + self._seconds
        if self._loop.time() >= due:
            self._reader.set_exception(TimeoutError())
        else:
            self._timer = self._loop.call_at(due, self._check)
