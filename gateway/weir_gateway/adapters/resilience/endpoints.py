"""The endpoints of a backend: their health, and which one is called next.

Power of two choices: two endpoints are drawn by weight and the less loaded one is called. Recent
failures count as load.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

from weir_gateway.adapters.resilience.circuit import Circuit, State
from weir_gateway.domain.table import Backend

OUTCOME_WEIGHT: Final = 0.1  # weight of the newest outcome in the health
HEALTH_DECAY: Final = 10.0  # seconds in which health recovers by 63 %
FAILURE_PENALTY: Final = 20.0  # calls added to the load of an endpoint that always fails
MIN_PENALTY: Final = 0.5  # calls; smaller penalties are ignored
DEFAULT_WEIGHT: Final = 10

OnStateChange = Callable[["Endpoint"], None]


class Random(Protocol):
    """A source of random numbers."""

    def random(self) -> float:
        """In [0,1)."""
        ...


class Endpoint:
    """One endpoint: its breaker, its health, its load."""

    __slots__ = (
        "_health",
        "_health_at",
        "_on_state_change",
        "backend",
        "circuit",
        "in_flight",
        "last_used",
        "weight",
    )

    def __init__(self, backend: Backend, weight: int, on_state_change: OnStateChange) -> None:
        """`on_state_change` is called when the breaker's state changes."""
        self.backend = backend
        self.weight = weight
        self.circuit = Circuit(backend.breaker)
        self.in_flight = 0
        self.last_used = 0.0  # when it was last called
        self._health = 1.0
        self._health_at = 0.0
        self._on_state_change = on_state_change

    def health(self, now: float) -> float:
        """[0,1]: a moving average of outcomes that recovers with time."""
        damage = 1 - self._health
        return 1 - damage * math.exp((self._health_at - now) / HEALTH_DECAY) if damage else 1.0

    def load(self, now: float) -> float:
        """Calls in flight relative to the weight, plus a penalty for failures."""
        penalty = FAILURE_PENALTY * (1 - self.health(now))
        return (self.in_flight * DEFAULT_WEIGHT / self.weight) + (
            penalty if penalty > MIN_PENALTY else 0.0
        )

    def begin(self, now: float) -> None:
        """Count a call that starts."""
        self.in_flight += 1
        self.last_used = now
        if self.circuit.state is not State.CLOSED:
            self._track_state(lambda: self.circuit.begin(now))

    def succeeded(self, now: float) -> None:
        """Record a success."""
        if self._health < 1:
            self._record_outcome(now, 1.0)
        if self.circuit.state is State.CLOSED:
            self.circuit.succeeded(now)
        else:
            self._track_state(lambda: self.circuit.succeeded(now))

    def failed(self, now: float) -> None:
        """Record a failure of the endpoint itself."""
        self._record_outcome(now, 0.0)
        self._track_state(lambda: self.circuit.failed(now))

    def rate_limited(self, now: float) -> None:
        """Record overload: no failure for the breaker, but other endpoints are preferred."""
        self._record_outcome(now, 0.0)
        self.circuit.undecided()

    def undecided(self) -> None:
        """Record a call that says nothing about the endpoint."""
        self.circuit.undecided()

    def ended(self) -> None:
        """Count a call that ended."""
        self.in_flight -= 1

    def probe_succeeded(self) -> None:
        self._track_state(self.circuit.probe_succeeded)

    def probe_failed(self, now: float) -> None:
        self._track_state(lambda: self.circuit.back_off(now))

    def _record_outcome(self, now: float, outcome: float) -> None:
        health = self.health(now)
        self._health = health + OUTCOME_WEIGHT * (outcome - health)
        self._health_at = now

    def _track_state(self, change: Callable[[], None]) -> None:
        before = self.circuit.state
        change()
        if self.circuit.state is before:
            return
        if self.circuit.state is State.CLOSED:
            self._health = 1.0  # the trials outweigh what was before
        self._on_state_change(self)


def choose(
    endpoints: Sequence[Endpoint], tried: Collection[Endpoint], now: float, random: Random
) -> Endpoint | None:
    """The endpoint to call, one that is not in `tried` if possible; None if all are ejected."""
    if len(endpoints) == 1:
        return endpoints[0] if endpoints[0].circuit.allows(now) else None
    available = [endpoint for endpoint in endpoints if endpoint.circuit.allows(now)]
    untried = [endpoint for endpoint in available if endpoint not in tried] or available
    if len(untried) <= 1:
        return untried[0] if untried else None
    for endpoint in untried:
        if endpoint.circuit.state is not State.CLOSED:
            return endpoint  # a half-open breaker needs a trial request
    first = _draw(untried, random)
    second = _draw([endpoint for endpoint in untried if endpoint is not first], random)
    return second if second.load(now) < first.load(now) else first


def least_busy(endpoints: Sequence[Endpoint]) -> Endpoint | None:
    """The last resort when all endpoints are ejected; None if it already has a few calls."""
    best = min(endpoints, key=lambda endpoint: endpoint.in_flight)
    return best if best.in_flight < best.circuit.settings.failures else None


def _draw(endpoints: Sequence[Endpoint], random: Random) -> Endpoint:
    position = random.random() * sum(endpoint.weight for endpoint in endpoints)
    for endpoint in endpoints:
        position -= endpoint.weight
        if position < 0:
            return endpoint
    return endpoints[-1]
