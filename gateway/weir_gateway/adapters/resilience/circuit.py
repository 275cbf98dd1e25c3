"""One endpoint's circuit breaker: a state machine that is told the time and the outcomes.

    closed ──failures──▶ open ──probe answers, or time──▶ half-open ──trials succeed──▶ closed
                          ▲                                  │
                          └──────────── a trial fails ───────┘

Must not know sockets, tasks or who reacts.
"""

from enum import StrEnum
from typing import Final

from weir_gateway.adapters.resilience.window import Window
from weir_gateway.domain.resilience import Breaker

LONGEST: Final = 8  # times `open`: how far trials that fail put off the next
UNPROBED: Final = 5.0  # seconds past `open` after which no probe's answer is waited for


class State(StrEnum):
    """Where it stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Circuit:
    """The breaker. Every `begin` is followed by one of `succeeded`, `failed` and `undecided`."""

    __slots__ = ("_succeeded", "_times", "_trying", "_window", "due", "settings", "state")

    def __init__(self, settings: Breaker) -> None:
        self.settings = settings
        self.state = State.CLOSED
        self.due = 0.0  # when an open one is to be probed
        self._window = Window(settings.window)
        self._times = 1  # how many times `open` it is left alone
        self._succeeded = 0  # trials in a row
        self._trying = False  # a trial is under way

    def admits(self, now: float) -> bool:
        """Whether a call may be made now; half-open, one at a time may."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN:
            return now >= self.due + UNPROBED
        return not self._trying

    def begin(self, now: float) -> None:
        """A call is made; one that was not admitted too, where there is nobody else."""
        if self.state is State.OPEN and now >= self.due + UNPROBED:
            self.answers()
        if self.state is State.HALF_OPEN:
            self._trying = True

    def succeeded(self, now: float) -> None:
        """A call went well."""
        self._trying = False
        if self.state is State.CLOSED:
            self._window.add(now, failed=False)
            return
        self.answers()
        self._succeeded += 1
        if self._succeeded >= self.settings.trials:
            self._close()

    def failed(self, now: float) -> None:
        """A call failed by the endpoint's fault."""
        self._trying = False
        if self.state is State.HALF_OPEN:
            self.put_off(now)
        elif self.state is State.CLOSED:
            self._window.add(now, failed=True)
            calls, failures = self._window.counts(now)
            settings = self.settings
            if failures >= settings.failures and failures >= settings.share * calls:
                self._open(now)

    def undecided(self) -> None:
        """A call ended and says nothing: its client went away, its prompt was too long."""
        self._trying = False

    def answers(self) -> None:
        """An open one has answered a probe: trials may begin."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN
            self._succeeded = 0
            self._trying = False

    def put_off(self, now: float) -> None:
        """A probe or a trial failed: leave it alone for twice as long as before."""
        self._times = min(self._times * 2, LONGEST)
        self._open(now)

    def _open(self, now: float) -> None:
        self.state = State.OPEN
        self.due = now + self.settings.open * self._times

    def _close(self) -> None:
        self.state = State.CLOSED
        self._times = 1
        self._window = Window(self.settings.window)
