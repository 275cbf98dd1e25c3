"""A credential of a cloud, renewed before it expires.

It is fetched by a cloud's library, which blocks, on a thread. While a credential is good, its
renewal runs in the background and no call waits for it. A token server that is away costs nothing
until the credential has really expired.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from weir_gateway.adapters.providers.identity.port import (
    CredentialRefused,
    IdentityError,
    TokensUnavailable,
)
from weir_runtime.tasks import run_with_timeout

_LOG = logging.getLogger(__name__)

FETCH_TIMEOUT: Final = 15.0  # seconds for one fetch; token servers answer within one
PATIENCE: Final = 10.0  # seconds that a call waits where there is no good credential
ATTEMPTS: Final = 3  # fetches in a row
FIRST_PAUSE: Final = 0.2  # seconds between two of them, doubled each time
# Google's metadata server gives out the same token until it has less than five minutes left.
RENEW_EARLY: Final = 240.0  # seconds before its expiry that it is renewed, at most ...
EARLY_SHARE: Final = 0.2  # ... and this share of its life
MARGIN: Final = 0.05  # share of its life, at most 10 s, that it counts as expired too early
MAX_MARGIN: Final = 10.0  # seconds; a call that is sent must arrive before the expiry
SETTLED: Final = 10.0  # seconds, at most a tenth of a token's life
FAILURE_PAUSE: Final = 1.0  # seconds until the next fetch after a failed one, doubled each time
MAX_FAILURE_PAUSE: Final = 30.0  # seconds


class Expiring(Protocol):
    """Something that is good until a time."""

    @property
    def expires(self) -> float:
        """Seconds since the epoch."""
        ...


C = TypeVar("C", bound=Expiring)


@dataclass(frozen=True, slots=True)
class _Current(Generic[C]):
    credential: C
    settled_at: float  # seconds since the epoch; later, a refused credential was revoked
    renew_at: float
    dead_at: float


class Renewal(Generic[C]):
    """Holds one credential and renews it."""

    def __init__(
        self,
        name: str,
        fetch: Callable[[], C],
        clock: Callable[[], float],
        *,
        patience: float = PATIENCE,
    ) -> None:
        """`fetch` blocks, and raises CredentialRefused and TokensUnavailable.

        `clock` gives seconds since the epoch; `patience` is how long a call waits for a credential.
        """
        self._name = name
        self._fetch = fetch
        self._clock = clock
        self._patience = patience
        self._current: _Current[C] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._failure: IdentityError | None = None
        self._failures = 0
        self._not_before = 0.0  # of the next fetch, after a failed one

    async def get(self) -> C:
        """The credential. Waits only if there is no good one. Raises IdentityError."""
        now = self._clock()
        current = self._current
        if current is not None and now < current.dead_at:
            if now >= current.renew_at and now >= self._not_before:
                self._start()
            return current.credential
        await self._wait_for_credential(now)
        if self._current is None:
            raise TokensUnavailable(f"{self._name}'s credential was revoked at once")
        return self._current.credential

    def revoke(self, is_used: Callable[[C], bool]) -> bool:
        """Drop a credential that was refused; whether another try may do better.

        `is_used` says whether the refused call was made with a given credential. A new credential
        that is refused lacks rights, not time.
        """
        current = self._current
        if current is None or not is_used(current.credential):
            return True  # another call has noticed it
        if self._clock() < current.settled_at:
            return False
        self._current = None
        return True

    async def stop(self) -> None:
        """Cancel a fetch under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _wait_for_credential(self, now: float) -> None:
        if self._fetching is None and self._failure is not None and now < self._not_before:
            raise _copy_of(self._failure)
        self._start()
        if self._fetching is not None:
            await self._wait_for(self._fetching)
        if self._failure is not None:
            raise _copy_of(self._failure)

    async def _wait_for(self, fetching: "asyncio.Task[None]") -> None:
        """Wait no longer than `patience`; the fetch goes on for later calls."""
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.shield(fetching)
        except TimeoutError:
            message = f"{self._name}'s token server did not answer within {self._patience:g} s"
            raise TokensUnavailable(message) from None

    def _start(self) -> None:
        """Start a fetch, unless one is under way."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew(), name=f"weir-identity-{self._name}")

    async def _renew(self) -> None:
        try:
            credential = await self._fetch_patiently()
        except IdentityError as error:
            self._failed(error)
        else:
            self._take(credential)
        finally:
            self._fetching = None

    async def _fetch_patiently(self) -> C:
        pause = FIRST_PAUSE
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._fetch_once()
            except TokensUnavailable:
                await asyncio.sleep(pause)
                pause *= 2
        return await self._fetch_once()

    async def _fetch_once(self) -> C:
        fetched: list[C] = []
        name = f"weir-identity-{self._name}"
        try:
            await run_with_timeout(lambda: fetched.append(self._fetch()), FETCH_TIMEOUT, name)
        except TimeoutError as error:
            message = f"{self._name}'s token server did not answer within {FETCH_TIMEOUT:g} s"
            raise TokensUnavailable(message) from error
        (credential,) = fetched
        if credential.expires <= self._clock():
            raise TokensUnavailable(f"{self._name}'s token server gave an expired credential")
        return credential

    def _take(self, credential: C) -> None:
        now = self._clock()
        life = credential.expires - now
        early = min(RENEW_EARLY, EARLY_SHARE * life)
        # Gateways that started together don't renew together.
        early *= random.uniform(0.75, 1.0)  # noqa: S311 - spreads load, keeps no secret
        margin = min(MAX_MARGIN, MARGIN * life)
        self._current = _Current(
            credential,
            settled_at=now + min(SETTLED, life / 10),
            renew_at=credential.expires - early,
            dead_at=credential.expires - margin,
        )
        self._failure, self._failures = None, 0
        # A server that gives the same token again isn't asked for every call.
        self._not_before = now + min(FAILURE_PAUSE, life / 4)

    def _failed(self, error: IdentityError) -> None:
        pause = min(FAILURE_PAUSE * 2.0**self._failures, MAX_FAILURE_PAUSE)
        self._not_before = self._clock() + pause
        self._failure = error
        self._failures = min(self._failures + 1, 16)
        refused = isinstance(error, CredentialRefused)
        _LOG.warning(
            "no new token", extra={"cloud": self._name, "refused": refused, "reason": str(error)}
        )


def _copy_of(error: IdentityError) -> IdentityError:
    """A new error for each caller: a traceback belongs to one raise."""
    return type(error)(*error.args)
