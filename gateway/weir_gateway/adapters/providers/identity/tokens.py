"""A bearer token of a cloud."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.providers.identity.port import Answered, UnsignedCall
from weir_gateway.adapters.providers.identity.renewal import Renewal

AUTHORIZATION: Final = "authorization"
UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Token:
    """An access token."""

    value: Secret
    expires: float  # seconds since the epoch
    extra: Mapping[str, str] = field(default_factory=dict[str, str])  # headers that go with it

    @property
    def authorization(self) -> str:
        """The header's value."""
        return f"Bearer {self.value.reveal()}"


class TokenIdentity:
    """Sends a token as `Authorization: Bearer`."""

    def __init__(self, name: str, fetch: Callable[[], Token], clock: Callable[[], float]) -> None:
        """As of `Renewal`."""
        self._tokens = Renewal(name, fetch, clock)

    async def headers(self, call: UnsignedCall) -> Mapping[str, str]:  # noqa: ARG002 - a token does for every call
        """The token's headers. Waits only if there is no good token."""
        token = await self._tokens.get()
        return {**token.extra, AUTHORIZATION: token.authorization}

    def refused(self, answered: Answered) -> bool:
        """Drop a token that was revoked."""
        if answered.status != UNAUTHORIZED:
            return False
        sent = answered.sent.get(AUTHORIZATION)
        return self._tokens.revoke(lambda token: token.authorization == sent)

    async def stop(self) -> None:
        """Cancel a fetch under way."""
        await self._tokens.stop()
