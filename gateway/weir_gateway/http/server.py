"""The listening side: connections, their time limits, and which path is whose.

aiohttp's low-level server, without router and middlewares: a request's way is one dictionary
look-up. Must not know what the endpoints do.
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
SubpathHandler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]

MODELS: Final = "/v1/models"
OVERLOADED: Final = "overloaded"


class NoSuchPath(WeirError):
    """Nothing is served there."""

    status = 404
    code = "unknown_path"
    type = "invalid_request_error"


class WrongMethod(WeirError):
    """The path is served, by another method."""

    status = 405
    code = "method_not_allowed"
    type = "invalid_request_error"


class RootHandler:
    """Which endpoint serves a request; errors become responses here, once for all of them."""

    def __init__(
        self,
        endpoints: Mapping[tuple[str, str], Handler],
        model: SubpathHandler,
        authenticator: Authenticator,
        *,
        max_in_flight: int,
        subpaths: Mapping[tuple[str, str], SubpathHandler] | None = None,
    ) -> None:
        """`in_flight` is how many requests are served at once; more get a 503.

        `below` serves what lies below a path, by method and path.
        """
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
        except Exception:  # noqa: BLE001 - the last line of defence: a defect of ours is a 500, never a hang-up
            _LOG.exception("a request failed on a defect of the gateway")
            failed = WeirError("the gateway failed; its log says why")
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
        above = self._base_of(path)
        named = self._subpaths.get((http.method, above))
        if named is not None:
            return await named(http, path[len(above) + 1 :])
        methods = sorted(method for method, served in self._endpoints if served == path)
        if methods:
            raise WrongMethod(f"{path} takes {' and '.join(methods)}, not {http.method}")
        served = ", ".join(sorted({served for _, served in self._endpoints}))
        raise NoSuchPath(f"nothing is served at {path[:200]}: this version serves {served}")

    def _base_of(self, path: str) -> str:
        """The path that `path` lies below, of those that have something below them."""
        return next((base for _, base in self._subpaths if path.startswith(f"{base}/")), "")


def _overloaded(limit: int) -> WeirError:
    return NothingCanServe(
        f"{limit} requests are being served, the most this gateway takes: try again",
        code=OVERLOADED,
    )


class DrainingServer(web.Server):
    """Hangs up on connections that don't manage to send a request's head in time (slow loris).

    Between requests of one connection aiohttp's keep-alive limit does the same. Drains without
    losing a request: aiohttp's own shutdown drops the rest of a body that is still arriving.
    """

    def __init__(self, handler: Handler, *, head_timeout: float, keep_alive: float) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,  # a client that goes away cancels its upstream call
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
        """Start the clock."""
        super().connection_made(handler, transport)
        loop = asyncio.get_running_loop()
        self._head_timers[handler] = loop.call_later(self._head_within, transport.abort)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Stop the clock."""
        self._stop_clock(handler)
        self._changed.set()
        super().connection_lost(handler, exc)

    async def drain(self, within: float, linger: float) -> None:
        """Serve what has begun, for at most `within` seconds; call it with no door open any more.

        For `linger` seconds connections are left to their clients, and every answer says
        `Connection: close`: a client in mid-conversation leaves by itself rather than on a reset.
        """
        self._draining = True
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        await self._until(lambda: not self.connections, min(loop.time() + linger, until))
        for connection in self.connections:
            if connection not in self._busy:
                connection.close()
        await self._until(lambda: not self._busy, until)

    async def _until(self, holds: Callable[[], bool], deadline: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        connection = http.protocol
        self._stop_clock(connection)
        self._busy.add(connection)
        try:
            response = await self._handler(http)
            if self._draining:
                response.force_close()
            return response
        finally:
            self._busy.discard(connection)
            self._changed.set()

    def _stop_clock(self, handler: web.RequestHandler) -> None:
        timer = self._head_timers.pop(handler, None)
        if timer is not None:
            timer.cancel()
