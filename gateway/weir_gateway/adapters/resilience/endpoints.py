"""The endpoints behind one backend: how each does, and which is called next.

The less loaded of two drawn by weight is called (power of two choices), where an endpoint that
failed of late counts as loaded. Must not know calls.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import Final

from weir_gateway.adapters.resilience.circuit import Circuit, State
from weir_gateway.adapters.resilience.ports import Chance
from weir_gateway.domain.table import Backend

NEW_OUTCOME: Final = 0.1  # weight of the newest outcome in the health
FORGETS: Final = 10.0  # seconds in which two thirds of bad health are forgotten
ILL: Final = 20.0  # calls under way that an endpoint which always fails seems to have more
SLIGHT: Final = 0.5  # of those: no more than this is no difference
USUAL_WEIGHT: Final = 10

Changed = Callable[["Endpoint"], None]


class Endpoint:
    """One endpoint: its breaker, its health, its load."""

    __slots__ = (
        "_changed",
        "_health",
        "_since",
        "backend",
        "circuit",
        "in_flight",
        "used",
        "weight",
    )

    def __init__(self, backend: Backend, weight: int, changed: Changed) -> None:
        """`changed` is told when the breaker's state is another."""
        self.backend = backend
        self.weight = weight
        self.circuit = Circuit(backend.breaker)
        self.in_flight = 0
        self.used = 0.0  # when it was called last
        self._health = 1.0
        self._since = 0.0
        self._changed = changed

    def health(self, now: float) -> float:
        """[0,1]: an average of the outcomes, the newer the heavier; time heals."""
        ill = 1 - self._health
        return 1 - ill * math.exp((self._since - now) / FORGETS) if ill else 1.0

    def load(self, now: float) -> float:
        """What the choice goes by."""
        ill = ILL * (1 - self.health(now))
        return (self.in_flight * USUAL_WEIGHT / self.weight) + (ill if ill > SLIGHT else 0.0)

    def begin(self, now: float) -> None:
        """A call is made."""
        self.in_flight += 1
        self.used = now
        if self.circuit.state is not State.CLOSED:
            self._watched(lambda: self.circuit.begin(now))

    def succeeded(self, now: float) -> None:
        """It answered."""
        if self._health < 1:
            self._learn(now, 1.0)
        if self.circuit.state is State.CLOSED:
            self.circuit.succeeded(now)
        else:
            self._watched(lambda: self.circuit.succeeded(now))

    def failed(self, now: float) -> None:
        """It did not, by its own fault."""
        self._learn(now, 0.0)
        self._watched(lambda: self.circuit.failed(now))

    def limited(self, now: float) -> None:
        """It said that it has too much to do: no failure, but others may have less."""
        self._learn(now, 0.0)
        self.circuit.undecided()

    def undecided(self) -> None:
        """The call says nothing of the endpoint."""
        self.circuit.undecided()

    def ended(self) -> None:
        """The call holds nothing any more."""
        self.in_flight -= 1

    def answers(self) -> None:
        """It answered a probe."""
        self._watched(self.circuit.answers)

    def put_off(self, now: float) -> None:
        """It did not answer a probe."""
        self._watched(lambda: self.circuit.put_off(now))

    def _learn(self, now: float, outcome: float) -> None:
        health = self.health(now)
        self._health = health + NEW_OUTCOME * (outcome - health)
        self._since = now

    def _watched(self, change: Callable[[], None]) -> None:
        before = self.circuit.state
        change()
        if self.circuit.state is before:
            return
        if self.circuit.state is State.CLOSED:
            self._health = 1.0  # what it was before the trials is past
        self._changed(self)


def choose(
    endpoints: Sequence[Endpoint], tried: Collection[Endpoint], now: float, chance: Chance
) -> Endpoint | None:
    """Whom to call; one that this request has not `tried`, if it can be. None: all are ejected."""
    if len(endpoints) == 1:
        return endpoints[0] if endpoints[0].circuit.admits(now) else None
    able = [one for one in endpoints if one.circuit.admits(now)]
    fresh = [one for one in able if one not in tried] or able
    if len(fresh) <= 1:
        return fresh[0] if fresh else None
    for one in fresh:
        if one.circuit.state is not State.CLOSED:
            return one  # its trial: somebody has to find out
    first = _drawn(fresh, chance)
    second = _drawn([one for one in fresh if one is not first], chance)
    return second if second.load(now) < first.load(now) else first


def least_busy(endpoints: Sequence[Endpoint]) -> Endpoint | None:
    """Whom to call where all are ejected and there is no other model: a few calls at once."""
    best = min(endpoints, key=lambda one: one.in_flight)
    return best if best.in_flight < best.circuit.settings.failures else None


def _drawn(endpoints: Sequence[Endpoint], chance: Chance) -> Endpoint:
    at = chance.random() * sum(one.weight for one in endpoints)
    for one in endpoints:
        at -= one.weight
        if at < 0:
            return one
    return endpoints[-1]
