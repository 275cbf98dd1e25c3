"""An answer on its way whose end is told to whoever called. Must not know why it is watched."""

from collections.abc import AsyncIterator, Callable

from weir_gateway.domain.errors import UpstreamError
from weir_gateway.routing.replies import Reply, ReplyWrapper


class ObservedReply(ReplyWrapper):
    """A Reply that says when it breaks and when it is over."""

    __slots__ = ("_on_break", "_on_close")

    def __init__(
        self, reply: Reply, on_break: Callable[[], None], on_close: Callable[[], None]
    ) -> None:
        super().__init__(reply)
        self._on_break = on_break
        self._on_close: list[Callable[[], None]] = [on_close]

    def on_close(self, callback: Callable[[], None]) -> None:
        """Tell somebody else too."""
        self._on_close.append(callback)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises UpstreamError when it breaks half-way."""
        try:
            async for chunk in self._reply.chunks():
                yield chunk
        except UpstreamError:
            self._on_break()
            raise

    async def close(self, *, abort: bool) -> None:
        """Give the connection back; with `abort` cancel the upstream call at once."""
        callbacks, self._on_close = self._on_close, []
        try:
            await super().close(abort=abort)
        finally:
            for callback in callbacks:
                callback()
