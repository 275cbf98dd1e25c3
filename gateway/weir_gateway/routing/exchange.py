"""One life of a request: dispatch it, read or stream its reply, and account how it ended.

An `Exchange` starts once a request is decided. It is an async context manager, and it ends in one
of three ways:

- The caller reported the end with `complete()` or `read()`: that end is accounted.
- Nothing was sent, and the block ended without an exception or was cancelled: what limits and
  budgets reserved is released, and nothing is accounted.
- An exception ended the block: it is accounted with the exception's status and code. A cancelled
  request is a client that went away; any other exception that is not a WeirError is a defect of
  the gateway.
"""

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import WeirError
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.account import CLIENT_GONE, CLIENT_GONE_STATUS, Ending
from weir_gateway.routing.context import SideCosts
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.ports import Clock
from weir_gateway.routing.replies import Sent
from weir_policy.spec.backend import OnDisconnect
from weir_wires.content import Usage


@dataclass(slots=True)
class Timing:
    """When a request arrived and how long its decision took."""

    clock: Clock
    started: float  # the clock's reading on arrival
    overhead: float = 0.0  # seconds spent deciding


@dataclass(frozen=True, slots=True)
class _End:
    status: int
    error: str = ""  # the code; empty for a success
    usage: Usage | None = None  # None: as the reply reports it


class Exchange:
    """A decided request until it is accounted for, exactly once, or released."""

    __slots__ = (
        "_decided",
        "_dispatched",
        "_end",
        "_reply",
        "_reply_open",
        "_request",
        "_routing",
        "_side_costs",
        "_table",
        "_timing",
        "decision",
        "outcome",
    )

    def __init__(
        self,
        routing: Routing,
        request: Request,
        decision: RouteDecision,
        table: RouteTable,
        timing: Timing,
        side_costs: SideCosts | None = None,
    ) -> None:
        self.decision = decision  # of the reply, once there is one: a fallback changes it
        self.outcome: Outcome | None = None  # None until the end, and where nothing was accounted
        self._routing = routing
        self._request = request
        self._decided = decision
        self._table = table
        self._timing = timing
        self._side_costs = SideCosts() if side_costs is None else side_costs
        self._dispatched = False
        self._reply: Sent | None = None
        self._reply_open = False
        self._end: _End | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        end = self._end or _end_by(exc)
        try:
            if self._reply is not None and self._reply_open:
                self._reply_open = False
                await self._close(self._reply, end)
        finally:
            cancelled = isinstance(exc, asyncio.CancelledError)
            if self._dispatched or self._end is not None or not (exc is None or cancelled):
                self._account(end)
            else:
                self._routing.release(self._decided)

    async def _close(self, reply: Sent, end: _End) -> None:
        finishes = self.decision.chosen.spec.on_disconnect is OnDisconnect.FINISH
        try:
            if finishes and end.error == CLIENT_GONE:
                await reply.finish()
        finally:
            await reply.close(abort=bool(end.error))

    async def dispatch(self) -> Sent:
        """Send the request as decided, with the policy's fallbacks; again after a failed attempt.

        Raises UpstreamError or CannotCarry when every backend that may be tried has failed.
        """
        self._dispatched = True
        self.decision, self._reply = self._decided, None
        dispatched = await self._routing.dispatch(
            self._request, self._decided, self._table, self._side_costs
        )
        self.decision, self._reply, self._reply_open = dispatched.decision, dispatched.reply, True
        return dispatched.reply

    async def read(self) -> bytes:
        """Return the reply's whole body, close it and complete. Raises UpstreamError."""
        reply = self._reply
        if reply is None:
            raise RuntimeError("dispatch() must return before read()")
        whole = False
        try:
            body = b"".join([chunk async for chunk in reply.chunks()])
            whole = True
        finally:
            self._reply_open = False
            await reply.close(abort=not whole)
        self.complete(reply.status)
        return body

    def complete(self, status: int, error: str = "", usage: Usage | None = None) -> None:
        """Report how the request ended; it is accounted when the block ends.

        `error` is the code of a failure. `usage` is needed only where the reply doesn't report it.
        """
        self._end = _End(status, error, usage)

    def _account(self, end: _End) -> None:
        reply = self._reply
        usage = end.usage if reply is None else end.usage or reply.usage
        ending = Ending(
            status=end.status,
            usage=usage,
            overhead=self._timing.overhead,
            duration=self._timing.clock() - self._timing.started,
            error=end.error,
            side_costs=self._side_costs.snapshot(),
            written=0 if reply is None else reply.written,
        )
        self.outcome = self._routing.account(self._request, self.decision, ending)


def _end_by(error: BaseException | None) -> _End:
    if isinstance(error, asyncio.CancelledError):
        return _End(CLIENT_GONE_STATUS, CLIENT_GONE)
    if isinstance(error, WeirError):
        return _End(error.status, error.code)
    # A defect. So is a block that dispatches and ends without complete().
    return _End(WeirError.status, WeirError.code)
