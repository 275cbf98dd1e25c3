"""An answer that is passed on by somebody who does something with it on the way.

Tells what the answer behind it tells. Must not know who passes it on, nor what for.
"""

from collections.abc import Mapping

from weir_gateway.routing.ports import Reply
from weir_wires.usage import Usage


class Passing:
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
    def pieces(self) -> int:
        """Events of a stream that have come so far."""
        return self._reply.pieces

    async def close(self, *, abort: bool) -> None:
        """Give the connection back; with `abort` cancel the upstream call at once."""
        await self._reply.close(abort=abort)
