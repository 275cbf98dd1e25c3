"""Authenticates callers of the stream by their service account's token.

A TokenReview of the API server says whose token it is; a valid answer is cached for some minutes.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from weir_operator.apply.cluster import Cluster, ClusterError

AUDIENCE = "weir-operator"  # of the gateways' tokens
CACHE_SECONDS = 300.0
MAX_CACHED = 1024
BEARER = "bearer "


class AuthenticationFailed(Exception):
    """The caller is refused; the message says why and holds no token."""

    def __init__(
        self, message: str, *, permission_denied: bool = False, retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.permission_denied = permission_denied  # the token is valid, its account isn't allowed
        self.retryable = retryable  # the token could not be reviewed


class Authenticator(Protocol):
    """Authenticates a caller, or raises AuthenticationFailed."""

    async def authenticate(self, authorization: str) -> None:
        """Check the call's `authorization` metadata, empty where there is none."""
        ...


class AllowAllAuthenticator:
    """Accepts every caller: only for WEIR_OPERATOR_INSECURE."""

    async def authenticate(self, authorization: str) -> None:
        """Accept."""


class TokenReviewAuthenticator:
    """Accepts the named service accounts."""

    def __init__(
        self,
        cluster: Cluster,
        allowed: frozenset[str],
        clock: Callable[[], float],
        required: str = "a gateway's service account",
    ) -> None:
        """`allowed` are user names (system:serviceaccount:NAMESPACE:NAME).

        `required` names them in messages.
        """
        self._required = required
        self._cluster = cluster
        self._allowed = allowed
        self._clock = clock
        # By a token's digest: until when the review's answer is used.
        self._valid_until: OrderedDict[bytes, float] = OrderedDict()

    async def authenticate(self, authorization: str) -> None:
        """Check a Bearer token."""
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
