"""Who really calls a provider, for resilience. Must not know who fills it."""

from typing import Protocol

from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.replies import Reply


class Caller(Protocol):
    """One call to one endpoint, once."""

    async def send(self, backend: Backend, request: Request) -> Reply:
        """Returns once the first chunk is there. Raises UpstreamError and CannotCarry."""
        ...

    async def probe(self, backend: Backend, within: float) -> None:
        """Ask, for `within` seconds at most, whether the endpoint answers at all.

        Costs no tokens. Raises UpstreamError where it does not.
        """
        ...


class Random(Protocol):
    """Where random numbers come from."""

    def random(self) -> float:
        """In [0,1)."""
        ...
