"""Upstream answers on their way to the client, behind routing's Reply.

`WholeReply` has everything at hand; `StreamReply` passes chunks as they come and knows at the end
whether the stream was complete. Must not know who reads them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

import aiohttp

from weir_gateway.adapters.providers.upstream_errors import invalid_response, mapped
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.table import Backend
from weir_wires.content import Usage
from weir_wires.spec import WireSpec
from weir_wires.stream_ends import StreamEnds

Release = Callable[[Usage | None, str], None]  # ends what the call held: its place, its span


class WholeReply:
    """An answer that is all there."""

    pieces = 0

    def __init__(
        self, status: int, headers: Mapping[str, str], body: bytes, usage: Usage | None
    ) -> None:
        self.status = status
        self.headers = headers
        self.usage = usage
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, in one piece."""
        yield self._body

    async def close(self, *, abort: bool) -> None:
        """Nothing is held."""


class StreamReply:
    """A stream whose first chunk has come."""

    def __init__(
        self,
        backend: Backend,
        wire: WireSpec,
        response: aiohttp.ClientResponse,
        headers: Mapping[str, str],
        first: bytes,
        release: Release,
    ) -> None:
        self.status = response.status
        self.headers = headers
        self.usage: Usage | None = None
        self._backend = backend
        self._response = response
        self._first = first
        self._idle = IdleTimeout(response.content, backend.timeouts.idle)
        self._ends = StreamEnds(wire)
        self._release: Release | None = release

    @property
    def pieces(self) -> int:
        """Events that have passed."""
        return self._ends.pieces

    async def chunks(self) -> AsyncIterator[bytes]:
        """The provider's bytes. Raises UpstreamError where the stream stops before its end."""
        chunk = self._first
        content = self._response.content
        read, idle = content.readany, self._idle
        while chunk:
            self._ends.feed(chunk)
            yield chunk
            idle.read_started()
            try:
                try:
                    chunk = await read()
                    idle.read_finished()
                except Exception:  # entered for every chunk, so mapped only where it is needed
                    with mapped(self._backend, "was silent"):
                        raise
            except UpstreamError:
                if not self._ends.read().last:
                    raise
                break  # the answer is complete; only the connection ended badly
        end = self._ends.read()
        self.usage = end.usage
        if not end.complete:
            raise invalid_response(self._backend, "ended its stream before the answer was complete")

    async def close(self, *, abort: bool) -> None:
        """Give the connection back, or with `abort` drop it: the provider then stops working."""
        release, self._release = self._release, None
        if release is None:
            return
        self._idle.stop()
        if abort:
            self._response.close()
        else:
            self._response.release()
        if self.usage is None:
            self.usage = self._ends.read().usage
        release(self.usage, "aborted" if abort else "")


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
