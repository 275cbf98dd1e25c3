"""A reply that is buffered until the cascade accepts it, within a budget that all replies share."""

from collections.abc import AsyncIterator, Callable

from weir_gateway.routing.replies import ByteBudget, ReplyWrapper, Sent


class BufferedReply(ReplyWrapper):
    """A reply whose chunks are buffered as they come and replayed later."""

    def __init__(self, reply: Sent, budget: ByteBudget) -> None:
        """The buffer takes its bytes from `budget` until the reply is closed or discarded."""
        super().__init__(reply, reply.wasted)
        self._chunks = reply.chunks()
        self._buffer: list[bytes] = []
        self._budget = budget
        self.size = 0  # bytes
        self.complete = False  # whether the buffer has the whole body

    @property
    def buffered(self) -> list[bytes]:
        """The chunks so far."""
        return self._buffer

    async def fill(self, max_bytes: int, ends: Callable[[bytes], bool] | None = None) -> None:
        """Buffer the body until it is complete, or exceeds `max_bytes` or the budget.

        `ends` tells of each chunk whether the buffer need not have what follows. A complete reply
        is closed. Raises UpstreamError.
        """
        async for chunk in self._chunks:
            self._buffer.append(chunk)
            self.size += len(chunk)
            self._budget.left -= len(chunk)
            if self.size > max_bytes or self._budget.left < 0:
                return
            if ends is not None and ends(chunk):
                return
        self.complete = True
        await self._reply.close(abort=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the buffer, then the chunks that are still to come. Raises UpstreamError."""
        chunks, self._buffer = self._buffer, []
        for chunk in chunks:
            yield chunk
        if not self.complete:
            async for chunk in self._chunks:
                yield chunk

    async def close(self, *, abort: bool) -> None:
        """Discard the buffer and close the reply."""
        self.discard()
        await super().close(abort=abort)

    def discard(self) -> None:
        """Empty the buffer and return its bytes to the budget."""
        self._buffer = []
        self._budget.left += self.size
        self.size = 0
