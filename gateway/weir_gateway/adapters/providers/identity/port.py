"""What a call asks of a cloud's identity, and how an identity fails.

An identity is shared by all backends whose `auth` is the same, so what it raises names no backend:
`authorize` makes it an UpstreamError, whose reason shows in the backend's status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from yarl import URL

from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend


@dataclass(frozen=True, slots=True)
class UnsignedCall:
    """A call as it would be sent without authorization."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """How a provider answered a call."""

    status: int
    sent: Mapping[str, str]  # the call's headers
    received: Mapping[str, str]  # the answer's; neither depends on the case of names


class Identity(Protocol):
    """Authorizes calls; keeps what that takes fresh by itself."""

    async def headers(self, call: UnsignedCall) -> Mapping[str, str]:
        """The headers to add to `call`: a token or a signature. Raises IdentityError."""
        ...

    def refused(self, answered: Answered) -> bool:
        """Take note of how a call was answered; whether new headers may do better."""
        ...

    async def stop(self) -> None:
        """End what runs in the background."""
        ...


class IdentityError(Exception):
    """There is nothing to authorize a call with; the message says why and holds no secret."""


class CredentialRefused(IdentityError):
    """The cloud refused the credentials, or there are none: somebody must mend that."""


class TokensUnavailable(IdentityError):
    """The cloud's token server can't be reached, is too slow, or answers nonsense."""


async def authorize(backend: Backend, identity: Identity, call: UnsignedCall) -> dict[str, str]:
    """The call's headers with those of the identity.

    Raises UpstreamError if the identity has none.
    """
    try:
        return {**call.headers, **await identity.headers(call)}
    except IdentityError as error:
        raise UpstreamError(
            f"backend {backend.id} can't be called: {error}",
            failure=UpstreamFailure.CREDENTIAL,
            transient=isinstance(error, TokensUnavailable),
        ) from error
