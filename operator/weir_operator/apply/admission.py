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
REMEMBER_SECONDS = 300.0
REMEMBERED = 1024
BEARER = "bearer "


class Refused(Exception):
    """This caller may not have the stream; the message says why and holds no token."""

    def __init__(self, message: str, *, known: bool = False, later: bool = False) -> None:
        super().__init__(message)
        self.known = known  # the token is good, its owner isn't allowed
        self.later = later  # nobody could say: come back


class Doorkeeper(Protocol):
    """Lets a caller in, or raises Refused."""

    async def admit(self, authorization: str) -> None:
        """Judge the call's `authorization` metadata, empty where there is none."""
        ...


class OpenDoor:
    """Lets everybody in: only where the operator was told to speak without TLS."""

    async def admit(self, authorization: str) -> None:
        """Everybody."""


class TokenDoor:
    """Lets the named service accounts in."""

    def __init__(
        self,
        cluster: Cluster,
        allowed: frozenset[str],
        clock: Callable[[], float],
        wanted: str = "a gateway's service account",
    ) -> None:
        """`allowed` are user names: system:serviceaccount:NAMESPACE:NAME; `wanted` in words."""
        self._wanted = wanted
        self._cluster = cluster
        self._allowed = allowed
        self._clock = clock
        self._good: OrderedDict[bytes, float] = OrderedDict()  # digest of a token, until when

    async def admit(self, authorization: str) -> None:
        """Judge a Bearer token."""
        if not authorization.lower().startswith(BEARER):
            raise Refused("a service account's token is needed: set WEIR_OPERATOR_TOKEN")
        token = authorization[len(BEARER) :].strip()
        digest = hashlib.sha256(token.encode()).digest()
        if self._good.get(digest, 0.0) > self._clock():
            return
        try:
            reviewed = await self._cluster.review(token, AUDIENCE)
        except ClusterError as error:
            raise Refused(f"the token could not be reviewed: {error}", later=True) from None
        if not reviewed.username:
            raise Refused(f"the token is not genuine, has ended, or is not for {AUDIENCE}")
        if reviewed.username not in self._allowed:
            raise Refused(f"{reviewed.username} is not {self._wanted}", known=True)
        self._remember(digest)

    def _remember(self, digest: bytes) -> None:
        self._good[digest] = self._clock() + REMEMBER_SECONDS
        while len(self._good) > REMEMBERED:
            self._good.popitem(last=False)
