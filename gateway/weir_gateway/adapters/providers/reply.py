"""Replies of providers: whole (`WholeReply`), or streamed in the client's wire (`StreamReply`)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp

from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.providers.outbound import Call, Outbound
from weir_gateway.adapters.providers.upstream_errors import invalid_response, map_client_errors
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.table import Backend
from weir_wires.content import Usage
from weir_wires.stream_ends import StreamEnds

MAX_REST: Final = 16 << 20  # bytes that are read of a stream whose client left

Release = Callable[[Usage | None, str], None]  # ends a call: its usage and its error


class Interruptible(Protocol):
    """A reader whose pending read can be made to raise."""

    def set_exception(self, exc: Exception, /) -> None:
        """Raise `exc` in the pending read."""
        ...


class IdleTimeout:
    """Ends a read that takes longer than `seconds`; time between reads doesn't count.

    One timer serves the whole stream: a timeout per read would cost more than all other work on a
    chunk.
    """

    __slots__ = ("_loop", "_reader", "_seconds", "_since", "_timer")

    def __init__(self, reader: Interruptible, seconds: float) -> None:
        self._reader = reader
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None  # start of the read in progress
        self._timer: asyncio.TimerHandle | None = None

    def read_started(self) -> None:
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._since + self._seconds, self._check)

    def read_finished(self) -> None:
        self._since = None

    def stop(self) -> None:
        """Cancel the timer."""
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


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """A provider's response once its head and first chunk have come."""

    backend: Backend
    outbound: Outbound
    response: aiohttp.ClientResponse
    headers: Mapping[str, str]  # passed on to the client
    first: bytes
    call: Call
    secret: Secret | None
    max_bytes: int  # of a whole answer


class WholeReply:
    """An answer that was read completely."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        usage: Usage | None,
        written: int = 0,
    ) -> None:
        """`written` is the estimate of the answer's tokens where `usage` is None."""
        self.status = status
        self.headers = headers
        self.usage = usage
        self.written = written
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in one piece."""
        yield self._body

    async def finish(self) -> None:
        """Do nothing: it was read completely."""

    async def close(self, *, abort: bool) -> None:
        """Do nothing: the connection was released before."""


class StreamReply:
    """A stream that passes through unchanged; its end is checked for completeness."""

    def __init__(self, answer: ProviderResponse) -> None:
        response = answer.response
        self.status = response.status
        self.headers = answer.headers
        self.usage: Usage | None = None
        self._complete = False
        self._backend = answer.backend
        self._response = response
        self._first = answer.first
        self._idle = IdleTimeout(response.content, answer.backend.timeouts.idle)
        self._ends = StreamEnds(answer.outbound.wire)
        self._release: Release | None = answer.call.end

    @property
    def written(self) -> int:
        """Tokens of the answer so far, estimated; 0 where the usage counts all of it."""
        if self._complete and self.usage is not None and self.usage.output:
            return 0
        return self._ends.written()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the provider's bytes. Raises UpstreamError if the stream is incomplete."""
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
                except Exception:  # a context manager per chunk would be costly
                    with map_client_errors(self._backend, "was silent"):
                        raise
            except UpstreamError:
                if not self._ends.read().last:
                    raise
                break  # the answer is complete; only the connection ended badly
        end = self._ends.read()
        self.usage, self._complete = end.usage, end.complete
        if not end.complete:
            raise invalid_response(self._backend, "ended its stream before the answer was complete")

    async def finish(self) -> None:
        """Read the rest for its usage, though no client reads it."""
        self._idle.stop()
        await read_rest(self._response.content, self._backend, self._ends.feed)
        end = self._ends.read()
        self.usage, self._complete = end.usage, end.complete

    async def close(self, *, abort: bool) -> None:
        """Release the connection; `abort` closes it, so that the provider stops generating."""
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


async def read_rest(
    content: aiohttp.StreamReader, backend: Backend, feed: Callable[[bytes], object]
) -> None:
    """Feed what is left of a stream, within the backend's timeouts; stop where it breaks."""
    size = 0
    timeouts = backend.timeouts
    with contextlib.suppress(UpstreamError), map_client_errors(backend, "was silent"):
        async with asyncio.timeout(timeouts.total):
            while size <= MAX_REST:
                async with asyncio.timeout(timeouts.idle):
                    chunk = await content.readany()
                if not chunk:
                    return
                size += len(chunk)
                feed(chunk)
