"""An answer on its way whose end is told to whoever called. Must not know why it is watched."""

from collections.abc import AsyncIterator, Callable, Mapping

from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.money import Usage
from weir_gateway.routing.ports import Reply


class WatchedReply:
    """A Reply that says when it breaks and when it is over."""

    __slots__ = ("_broke", "_ended", "_reply", "wasted")

    def __init__(self, reply: Reply, broke: Callable[[], None], ended: Callable[[], None]) -> None:
        self._reply = reply
        self._broke = broke
        self._ended: list[Callable[[], None]] = [ended]
        self.wasted: Usage | None = None  # of a call beside this one that was cancelled

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
    def pieces(self) -> int:
        """Events of a stream that have passed so far."""
        return self._reply.pieces

    def when_over(self, ended: Callable[[], None]) -> None:
        """Tell somebody else too."""
        self._ended.append(ended)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises UpstreamError when it breaks half-way."""
        try:
            async for chunk in self._reply.chunks():
                yield chunk
        except UpstreamError:
            self._broke()
            raise

    async def close(self, *, abort: bool) -> None:
        """Give the connection back; with `abort` cancel the upstream call at once."""
        ended, self._ended = self._ended, []
        try:
            await self._reply.close(abort=abort)
        finally:
            for tell in ended:
                tell()
