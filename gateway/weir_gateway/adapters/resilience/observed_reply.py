"""An answer on its way whose end is told to whoever called. Must not know why it is watched."""

from collections.abc import AsyncIterator, Callable

from weir_gateway.domain.errors import UpstreamError
from weir_gateway.routing.replies import Passing, Reply


class WatchedReply(Passing):
    """A Reply that says when it breaks and when it is over."""

    __slots__ = ("_broke", "_ended")

    def __init__(self, reply: Reply, broke: Callable[[], None], ended: Callable[[], None]) -> None:
        super().__init__(reply)
        self._broke = broke
        self._ended: list[Callable[[], None]] = [ended]

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
            await super().close(abort=abort)
        finally:
            for tell in ended:
                tell()
