"""The endpoints behind one backend: how each does, and which is called next.

The less loaded of two drawn by weight is called (power of two choices), where an endpoint that
failed of late counts as loaded. Must not know calls.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Final

from weir_gateway.adapters.resilience.circuit import Circuit, State
from weir_gateway.adapters.resilience.ports import Random
from weir_gateway.domain.table import Backend

OUTCOME_WEIGHT: Final = 0.1  # weight of the newest outcome in the health
HEALTH_DECAY: Final = 10.0  # seconds in which two thirds of bad health are forgotten
FAILURE_PENALTY: Final = (
    20.0  # calls under way that an endpoint which always fails seems to have more
)
MIN_PENALTY: Final = 0.5  # of those: no more than this is no difference
DEFAULT_WEIGHT: Final = 10

OnStateChange = Callable[["Endpoint"], None]


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
        """`changed` is told when the breaker's state is another."""
        self.backend = backend
        self.weight = weight
        self.circuit = Circuit(backend.breaker)
        self.in_flight = 0
        self.last_used = 0.0  # when it was called last
        self._health = 1.0
        self._health_at = 0.0
        self._on_state_change = on_state_change

    def health(self, now: float) -> float:
        """[0,1]: an average of the outcomes, the newer the heavier; time heals."""
        damage = 1 - self._health
        return 1 - damage * math.exp((self._health_at - now) / HEALTH_DECAY) if damage else 1.0

    def load(self, now: float) -> float:
        """What the choice goes by."""
        penalty = FAILURE_PENALTY * (1 - self.health(now))
        return (self.in_flight * DEFAULT_WEIGHT / self.weight) + (
            penalty if penalty > MIN_PENALTY else 0.0
        )

    def begin(self, now: float) -> None:
        """A call is made."""
        self.in_flight += 1
        self.last_used = now
        if self.circuit.state is not State.CLOSED:
            self._track_state(lambda: self.circuit.begin(now))

    def succeeded(self, now: float) -> None:
        """It answered."""
        if self._health < 1:
            self._record_outcome(now, 1.0)
        if self.circuit.state is State.CLOSED:
            self.circuit.succeeded(now)
        else:
            self._track_state(lambda: self.circuit.succeeded(now))

    def failed(self, now: float) -> None:
        """It did not, by its own fault."""
        self._record_outcome(now, 0.0)
        self._track_state(lambda: self.circuit.failed(now))

    def rate_limited(self, now: float) -> None:
        """It said that it has too much to do: no failure, but others may have less."""
        self._record_outcome(now, 0.0)
        self.circuit.undecided()

    def undecided(self) -> None:
        """The call says nothing of the endpoint."""
        self.circuit.undecided()

    def ended(self) -> None:
        """The call holds nothing any more."""
        self.in_flight -= 1

    def probe_succeeded(self) -> None:
        """It answered a probe."""
        self._track_state(self.circuit.probe_succeeded)

    def probe_failed(self, now: float) -> None:
        """It did not answer a probe."""
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
            self._health = 1.0  # what it was before the trials is past
        self._on_state_change(self)


def choose(
    endpoints: Sequence[Endpoint], tried: Collection[Endpoint], now: float, random: Random
) -> Endpoint | None:
    """Whom to call; one that this request has not `tried`, if it can be. None: all are ejected."""
    if len(endpoints) == 1:
        return endpoints[0] if endpoints[0].circuit.allows(now) else None
    available = [one for one in endpoints if one.circuit.allows(now)]
    untried = [one for one in available if one not in tried] or available
    if len(untried) <= 1:
        return untried[0] if untried else None
    for one in untried:
        if one.circuit.state is not State.CLOSED:
            return one  # its trial: somebody has to find out
    first = _drawn(untried, random)
    second = _drawn([one for one in untried if one is not first], random)
    return second if second.load(now) < first.load(now) else first


def least_busy(endpoints: Sequence[Endpoint]) -> Endpoint | None:
    """Whom to call where all are ejected and there is no other model: a few calls at once."""
    best = min(endpoints, key=lambda one: one.in_flight)
    return best if best.in_flight < best.circuit.settings.failures else None


def _drawn(endpoints: Sequence[Endpoint], chance: Random) -> Endpoint:
    at = chance.random() * sum(one.weight for one in endpoints)
    for one in endpoints:
        at -= one.weight
        if at < 0:
            return one
    return endpoints[-1]
