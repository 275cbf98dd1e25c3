"""The HTTP server: connections, their time limits, and the handler of each path.

It builds on aiohttp's low-level server, without its router and middlewares: finding a handler is
one dictionary look-up.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from weir_gateway.domain.errors import NothingCanServe, WeirError
from weir_gateway.http.auth import Authenticator
from weir_gateway.http.errors import error_response, shape_for

_LOG = logging.getLogger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
MaybeHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]
SubpathHandler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]

MODELS: Final = "/v1/models"
OVERLOADED: Final = "overloaded"


class NoSuchPath(WeirError):
    """No handler serves this path."""

    status = 404
    code = "unknown_path"
    type = "invalid_request_error"


class WrongMethod(WeirError):
    """The path is served, but by another method."""

    status = 405
    code = "method_not_allowed"
    type = "invalid_request_error"


class RootHandler:
    """Authenticates a request and calls its handler; turns every error into a response."""

    def __init__(
        self,
        endpoints: Mapping[tuple[str, str], Handler],
        model: SubpathHandler,
        authenticator: Authenticator,
        *,
        max_in_flight: int,
        subpaths: Mapping[tuple[str, str], SubpathHandler] | None = None,
        otherwise: MaybeHandler | None = None,
    ) -> None:
        """Requests beyond `max_in_flight` get a 503.

        `model` serves what lies below /v1/models, `subpaths` what lies below other paths, and
        `otherwise` what none of them serves.
        """
        self._otherwise = otherwise
        self._subpaths = dict(subpaths or {})
        self._endpoints = dict(endpoints)
        self._model = model
        self._authenticator = authenticator
        self._limit = max_in_flight
        self.in_flight = 0

    async def __call__(self, http: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        if self.in_flight >= self._limit:
            return error_response(_overloaded(self._limit), shape_for(http))
        self.in_flight += 1
        try:
            return await self._serve(http)
        except WeirError as error:
            return error_response(error, shape_for(http))
        except Exception:  # noqa: BLE001 - the last line of defence: a bug is a 500, never a dropped connection
            _LOG.exception("a request failed because of a bug in the gateway")
            failed = WeirError("the gateway failed: its log has the reason")
            return error_response(failed, shape_for(http))
        finally:
            self.in_flight -= 1

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        path = http.path
        self._authenticator.authenticate(http)
        endpoint = self._endpoints.get((http.method, path))
        if endpoint is not None:
            return await endpoint(http)
        if http.method == "GET" and path.startswith(MODELS + "/"):
            return await self._model(http, path.removeprefix(MODELS + "/"))
        base = self._base_of(path)
        below = self._subpaths.get((http.method, base))
        if below is not None:
            return await below(http, path[len(base) + 1 :])
        response = None if self._otherwise is None else await self._otherwise(http)
        if response is not None:
            return response
        methods = sorted(method for method, served in self._endpoints if served == path)
        if methods:
            raise WrongMethod(f"{path} takes {' and '.join(methods)}, not {http.method}")
        served = ", ".join(sorted({served for _, served in self._endpoints}))
        raise NoSuchPath(f"nothing is served at {path[:200]}: this version serves {served}")

    def _base_of(self, path: str) -> str:
        """Return the path with subpath handlers that `path` lies below; empty if there is none."""
        return next((base for _, base in self._subpaths if path.startswith(f"{base}/")), "")


def _overloaded(limit: int) -> WeirError:
    return NothingCanServe(
        f"the gateway is at its limit of {limit} concurrent requests: try again",
        code=OVERLOADED,
    )


class DrainingServer(web.Server):
    """Closes connections that send a request's head too slowly (slow loris), and drains.

    Between two requests of a connection aiohttp's keep-alive limit does the same. Draining loses no
    request: aiohttp's own shutdown drops the rest of a body that is still arriving.
    """

    def __init__(self, handler: Handler, *, head_timeout: float, keep_alive: float) -> None:
        super().__init__(
            handler,
            # A client that disconnects cancels its upstream call.
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=keep_alive,
        )
        self._head_within = head_timeout
        self._head_timers: dict[web.RequestHandler, asyncio.TimerHandle] = {}
        self._busy: set[web.RequestHandler] = set()
        self._draining = False
        self._changed = asyncio.Event()
        self._handler = handler
        self.request_handler = self._handle

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Start the timer for the first request's head."""
        super().connection_made(handler, transport)
        loop = asyncio.get_running_loop()
        self._head_timers[handler] = loop.call_later(self._head_within, transport.abort)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Stop the timer."""
        self._stop_timer(handler)
        self._changed.set()
        super().connection_lost(handler, exc)

    async def drain(self, within: float, linger: float) -> None:
        """Finish the requests in flight, for at most `within` seconds; close the listeners first.

        For `linger` seconds connections stay open, and every response says `Connection: close`: a
        client with a next request to send closes by itself and meets no reset.
        """
        self._draining = True
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        await self._wait_until(lambda: not self.connections, min(loop.time() + linger, until))
        for connection in self.connections:
            if connection not in self._busy:
                connection.close()
        await self._wait_until(lambda: not self._busy, until)

    async def _wait_until(self, condition: Callable[[], bool], deadline: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        connection = http.protocol
        self._stop_timer(connection)
        self._busy.add(connection)
        try:
            response = await self._handler(http)
            if self._draining:
                response.force_close()
            return response
        finally:
            self._busy.discard(connection)
            self._changed.set()

    def _stop_timer(self, handler: web.RequestHandler) -> None:
        timer = self._head_timers.pop(handler, None)
        if timer is not None:
            timer.cancel()
