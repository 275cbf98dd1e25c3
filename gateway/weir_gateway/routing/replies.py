"""The ports of a provider's reply, and the wrapper that most replies of the gateway derive from."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_wires.content import Usage


class Reply(Protocol):
    """An upstream's answer, its first chunk already there: a fallback is no longer possible."""

    @property
    def status(self) -> int:
        """The provider's HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The provider's headers that may be passed on, names in lower case."""
        ...

    @property
    def usage(self) -> Usage | None:
        """Tokens as the provider counted them; known once the chunks have ended, if told at all."""
        ...

    @property
    def written(self) -> int:
        """Tokens of the answer so far, estimated; 0 where `usage` counts all of it.

        Reads what was stored of the answer: ask once, at its end.
        """
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises UpstreamError when it breaks half-way."""
        ...

    async def finish(self) -> None:
        """Read what is left of a stream, within bounds, for its usage. Raises no UpstreamError."""
        ...

    async def close(self, *, abort: bool) -> None:
        """Give the connection back; with `abort` cancel the upstream call at once."""
        ...


class Sent(Reply, Protocol):
    """A request's answer, and what was spent beside it."""

    @property
    def wasted(self) -> Usage | None:
        """Tokens, estimated, of a second call for the same request that was cancelled."""
        ...


class Upstreams(Protocol):
    """The providers."""

    async def send(self, backend: Backend, request: Request, *, last_resort: bool = False) -> Sent:
        """Forward `request` to `backend`; returns once the first chunk is there.

        `last_resort` says that no other backend is left: one whose circuit breaker is open
        is then called all the same. Raises UpstreamError before the first byte, and for answers
        that a fallback may mend; CannotCarry where the backend's wire has no place for a field.
        """
        ...


class ReplyWrapper:
    """All of a Sent but its chunks: those are where they who pass it on differ."""

    __slots__ = ("_reply", "wasted")

    def __init__(self, reply: Reply, wasted: Usage | None = None) -> None:
        self._reply = reply
        self.wasted = wasted  # of a call beside this one that was cancelled

    @property
    def status(self) -> int:
        """The provider's HTTP status."""
        return self._reply.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The provider's headers that may be passed on."""
        return self._reply.headers

    @property
    def usage(self) -> Usage | None:
        """Tokens as the provider counted them."""
        return self._reply.usage

    @property
    def written(self) -> int:
        """Tokens of the answer so far, estimated."""
        return self._reply.written

    async def finish(self) -> None:
        """Read what is left of a stream for its usage."""
        await self._reply.finish()

    async def close(self, *, abort: bool) -> None:
        """Give the connection back; with `abort` cancel the upstream call at once."""
        await self._reply.close(abort=abort)


class ByteBudget:
    """Bytes that answers under way may take here, all of them together."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left
