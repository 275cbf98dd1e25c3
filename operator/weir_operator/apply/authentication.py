"""Who may have the stream: gateways, by their service account's token.

Asks the API server whose token it is (TokenReview), and remembers a good answer for a while. Must
not know gRPC.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from weir_operator.apply.cluster import Cluster, ClusterError

AUDIENCE = "weir-operator"  # what the gateways' tokens are made for
CACHE_SECONDS = 300.0
MAX_CACHED = 1024
BEARER = "bearer "


class AuthenticationFailed(Exception):
    """This caller may not have the stream; the message says why and holds no token."""

    def __init__(
        self, message: str, *, permission_denied: bool = False, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.permission_denied = permission_denied  # the token is good, its owner isn't allowed
        self.retryable = retryable  # nobody could say: come back


class Authenticator(Protocol):
    """Lets a caller in, or raises Refused."""

    async def authenticate(self, authorization: str) -> None:
        """Judge the call's `authorization` metadata, empty where there is none."""
        ...


class AllowAllAuthenticator:
    """Lets everybody in: only where the operator was told to speak without TLS."""

    async def authenticate(self, authorization: str) -> None:
        """Everybody."""


class TokenReviewAuthenticator:
    """Lets the named service accounts in."""

    def __init__(
        self,
        cluster: Cluster,
        allowed: frozenset[str],
        clock: Callable[[], float],
        required: str = "a gateway's service account",
    ) -> None:
        """`allowed` are user names: system:serviceaccount:NAMESPACE:NAME; `wanted` in words."""
        self._required = required
        self._cluster = cluster
        self._allowed = allowed
        self._clock = clock
        self._valid_until: OrderedDict[bytes, float] = (
            OrderedDict()
        )  # digest of a token, until when

    async def authenticate(self, authorization: str) -> None:
        """Judge a Bearer token."""
        if not authorization.lower().startswith(BEARER):
            raise AuthenticationFailed(
                "a service account's token is needed: set WEIR_OPERATOR_TOKEN"
            )
        token = authorization[len(BEARER) :].strip()
        digest = hashlib.sha256(token.encode()).digest()
        if self._valid_until.get(digest, 0.0) > self._clock():
            return
        try:
            review = await self._cluster.review_token(token, AUDIENCE)
        except ClusterError as error:
            raise AuthenticationFailed(
                f"the token could not be reviewed: {error}", retryable=True
            ) from None
        if not review.username:
            raise AuthenticationFailed(
                f"the token is not genuine, has ended, or is not for {AUDIENCE}"
            )
        if review.username not in self._allowed:
            raise AuthenticationFailed(
                f"{review.username} is not {self._required}", permission_denied=True
            )
        self._remember(digest)

    def _remember(self, digest: bytes) -> None:
        self._valid_until[digest] = self._clock() + CACHE_SECONDS
        while len(self._valid_until) > MAX_CACHED:
            self._valid_until.popitem(last=False)
