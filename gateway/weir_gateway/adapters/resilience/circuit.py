"""One endpoint's circuit breaker: a state machine that is told the time and the outcomes.

    closed ──failures──▶ open ──probe answers, or time──▶ half-open ──trials succeed──▶ closed
                          ▲                                  │
                          └──────────── a trial fails ───────┘

Must not know sockets, tasks or who reacts.
"""

from enum import StrEnum
from typing import Final

from weir_gateway.domain.resilience import Breaker

BUCKETS: Final = 10  # of the window; what is counted is exact to a tenth of it


class SlidingWindow:
    """Counts over a sliding window."""

    __slots__ = ("_calls", "_failures", "_part", "_width")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / BUCKETS
        self._part = 0  # the number of the newest part, in widths since the clock's zero
        self._calls = [0] * BUCKETS
        self._failures = [0] * BUCKETS

    def add(self, now: float, *, failed: bool) -> None:
        """Count one call."""
        self._move(now)
        at = self._part % BUCKETS
        self._calls[at] += 1
        self._failures[at] += failed

    def counts(self, now: float) -> tuple[int, int]:
        """Calls, and how many of them failed."""
        self._move(now)
        return sum(self._calls), sum(self._failures)

    def _move(self, now: float) -> None:
        part = int(now / self._width)
        if part == self._part:
            return
        for gone in range(self._part + 1, min(part, self._part + BUCKETS) + 1):
            self._calls[gone % BUCKETS] = self._failures[gone % BUCKETS] = 0
        self._part = part


MAX_BACKOFF: Final = 8  # times `open`: how far trials that fail put off the next
PROBE_GRACE: Final = 5.0  # seconds past `open` after which no probe's answer is waited for


class State(StrEnum):
    """Where it stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Circuit:
    """The breaker. Every `begin` is followed by one of `succeeded`, `failed` and `undecided`."""

    __slots__ = (
        "_backoff",
        "_trial_running",
        "_trial_successes",
        "_window",
        "probe_at",
        "settings",
        "state",
    )

    def __init__(self, settings: Breaker) -> None:
        self.settings = settings
        self.state = State.CLOSED
        self.probe_at = 0.0  # when an open one is to be probed
        self._window = SlidingWindow(settings.window)
        self._backoff = 1  # how many times `open` it is left alone
        self._trial_successes = 0  # trials in a row
        self._trial_running = False  # a trial is under way

    def allows(self, now: float) -> bool:
        """Whether a call may be made now; half-open, one at a time may."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN:
            return now >= self.probe_at + PROBE_GRACE
        return not self._trial_running

    def begin(self, now: float) -> None:
        """A call is made; one that was not admitted too, where there is nobody else."""
        if self.state is State.OPEN and now >= self.probe_at + PROBE_GRACE:
            self.probe_succeeded()
        if self.state is State.HALF_OPEN:
            self._trial_running = True

    def succeeded(self, now: float) -> None:
        """A call went well."""
        self._trial_running = False
        if self.state is State.CLOSED:
            self._window.add(now, failed=False)
            return
        self.probe_succeeded()
        self._trial_successes += 1
        if self._trial_successes >= self.settings.trials:
            self._close()

    def failed(self, now: float) -> None:
        """A call failed by the endpoint's fault."""
        self._trial_running = False
        if self.state is State.HALF_OPEN:
            self.back_off(now)
        elif self.state is State.CLOSED:
            self._window.add(now, failed=True)
            calls, failures = self._window.counts(now)
            settings = self.settings
            if failures >= settings.failures and failures >= settings.share * calls:
                self._open(now)

    def undecided(self) -> None:
        """A call ended and says nothing: its client went away, its prompt was too long."""
        self._trial_running = False

    def probe_succeeded(self) -> None:
        """An open one has answered a probe: trials may begin."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN
            self._trial_successes = 0
            self._trial_running = False

    def back_off(self, now: float) -> None:
        """A probe or a trial failed: leave it alone for twice as long as before."""
        self._backoff = min(self._backoff * 2, MAX_BACKOFF)
        self._open(now)

    def _open(self, now: float) -> None:
        self.state = State.OPEN
        self.probe_at = now + self.settings.open * self._backoff

    def _close(self) -> None:
        self.state = State.CLOSED
        self._backoff = 1
        self._window = SlidingWindow(self.settings.window)
