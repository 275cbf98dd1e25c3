"""A client's stream: its head with the first event, then whole events, and pings in a silence.

While the answer is awaited nothing is sent, so that a failure is still an error answer. After a
silence the head goes out with a ping: clients and proxies give up a connection that says nothing.
From then on an error is an event of the stream.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from weir_gateway.domain.errors import UpstreamError, WeirError
from weir_gateway.domain.request import Request
from weir_gateway.http.sse import EventBuffer
from weir_gateway.http.stream_responses import StreamWriter
from weir_gateway.routing.replies import Reply
from weir_wires.error_shapes import ErrorDetails, ends_with_error
from weir_wires.event import write
from weir_wires.framing import SSE
from weir_wires.registry import WIRES

Hide = Callable[[bytes], bytes]  # whole events → those that the client gets

OK: Final = 200
FIRST_ERROR: Final = 400
# For proxies between the client and the gateway.
UNBUFFERED: Final = {"cache-control": "no-cache", "x-accel-buffering": "no"}
HEAD: Final = {"content-type": SSE.media_type}


class ClientStream:
    """One stream. Call `stop` at its end, however it ends."""

    def __init__(
        self, http: web.BaseRequest, request: Request, begin: StreamWriter, silence: float
    ) -> None:
        """Send a ping after `silence` seconds without an event; 0: never.

        `begin` makes the response.
        """
        self.response: web.StreamResponse | None = None  # None until its head is sent
        self._http = http
        self._spec = WIRES[request.wire]
        self._hide = _hiding(request)
        self._begin = begin
        self._events = EventBuffer()
        self._silence = silence
        self._quiet = 0  # half silences without an event
        self._timer: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None
        if silence:
            self._wait()

    async def open(self, reply: Reply) -> web.StreamResponse:
        """Prepare the response to `reply`, unless its head was sent already."""
        await self._pinged()
        return await self._open(reply.status, reply.headers)

    async def relay(self, reply: Reply) -> UpstreamError | None:
        """Write the chunks as they come; a stream that breaks ends with an error event.

        Returns the error that broke the stream.
        """
        response = await self.open(reply)
        events, hide = self._events, self._hide
        last = b""
        try:
            async for chunk in reply.chunks():
                complete = events.feed(chunk)
                if complete:
                    last = complete
                    if hide is not None:
                        complete = hide(complete)
                        if not complete:
                            continue
                    self._quiet = 0
                    await response.write(complete)
        except UpstreamError as error:
            # The provider may have sent an error event itself: one is enough.
            if not ends_with_error(last, self._spec.errors):
                await response.write(self._spec.errors.event(error, last))
            await response.write_eof()
            return error
        rest = events.rest()
        rest = rest if hide is None else hide(rest)
        if rest:
            await response.write(rest)
        await response.write_eof()
        return None

    async def fail(self, error: WeirError) -> web.StreamResponse | None:
        """End the stream with `error`; None where its head was not sent: that is an answer's."""
        await self.stop()
        if self.response is not None:
            with contextlib.suppress(ConnectionError):
                await self.response.write(self._spec.errors.event(error, b""))
                await self.response.write_eof()
        return self.response

    async def end_with(self, status: int, body: bytes) -> web.StreamResponse | None:
        """End the stream with an answer that is none; None where its head was not sent."""
        if status >= FIRST_ERROR:
            details = self._spec.errors.read(body)
            if details is None:
                details = ErrorDetails(body.decode("utf-8", "replace"))
            return await self.fail(WeirError(details.message, code=details.code))
        await self.stop()
        if self.response is not None:
            await self.response.write(write(b" ".join(body.split(b"\n"))))
            await self.response.write_eof()
        return self.response

    async def stop(self) -> None:
        """Send no more pings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._pinged()

    async def _pinged(self) -> None:
        """Wait for the end of a ping that is being written."""
        task = self._pinging
        if task is not None and not task.done():
            await asyncio.wait({task})

    async def _open(self, status: int, headers: Mapping[str, str]) -> web.StreamResponse:
        if self.response is None:
            self.response = response = self._begin(status, headers)
            await response.prepare(self._http)
        return self.response

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._silence / 2, self._tick)

    def _tick(self) -> None:
        self._quiet += 1
        if self._quiet > 1 and not self._events.inside:
            self._quiet = 0
            self._pinging = asyncio.create_task(self._ping(), name="weir-stream-ping")
        self._wait()

    async def _ping(self) -> None:
        """Write one ping; a client that doesn't read is noticed where its events are written."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(self._silence / 2):
                response = await self._open(OK, HEAD)
                await response.write(self._spec.ping)


def _hiding(request: Request) -> Hide | None:
    option = WIRES[request.wire].usage_option
    return None if option is None or request.wants_usage else option.hide
