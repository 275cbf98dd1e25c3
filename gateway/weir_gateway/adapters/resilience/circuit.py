"""One endpoint's circuit breaker: a state machine over times and outcomes.

closed ──failures──▶ open ──probe answers, or time──▶ half-open ──trials succeed──▶ closed
                      ▲                                  │
                      └──────────── a trial fails ───────┘
"""

from enum import StrEnum
from typing import Final

from weir_policy.spec.resilience import Breaker

BUCKETS: Final = 10  # per window; counts are exact to a tenth of the window


class SlidingWindow:
    """Counts calls and failures over a sliding window."""

    __slots__ = ("_bucket", "_calls", "_failures", "_width")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / BUCKETS
        self._bucket = 0  # number of the newest bucket, in widths since the clock's zero
        self._calls = [0] * BUCKETS
        self._failures = [0] * BUCKETS

    def add(self, now: float, *, failed: bool) -> None:
        """Count one call."""
        self._move(now)
        at = self._bucket % BUCKETS
        self._calls[at] += 1
        self._failures[at] += failed

    def counts(self, now: float) -> tuple[int, int]:
        """Calls and failures in the window."""
        self._move(now)
        return sum(self._calls), sum(self._failures)

    def _move(self, now: float) -> None:
        bucket = int(now / self._width)
        if bucket == self._bucket:
            return
        for expired in range(self._bucket + 1, min(bucket, self._bucket + BUCKETS) + 1):
            self._calls[expired % BUCKETS] = self._failures[expired % BUCKETS] = 0
        self._bucket = bucket


MAX_BACKOFF: Final = 8  # times `open`; the longest wait after repeated failures
PROBE_GRACE: Final = 5.0  # seconds past `probe_at` after which a trial needs no probe


class State(StrEnum):
    """The breaker's state."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Circuit:
    """The breaker. Each `begin` is followed by `succeeded`, `failed` or `undecided`."""

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
        self.probe_at = 0.0  # when an open breaker is probed
        self._window = SlidingWindow(settings.window)
        self._backoff = 1  # the wait, in multiples of `open`
        self._trial_successes = 0  # in a row
        self._trial_running = False

    def allows(self, now: float) -> bool:
        """Whether a call may be made now; half-open admits one trial at a time."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.OPEN:
            return now >= self.probe_at + PROBE_GRACE
        return not self._trial_running

    def begin(self, now: float) -> None:
        """Count a call that starts, even one that was made as a last resort."""
        if self.state is State.OPEN and now >= self.probe_at + PROBE_GRACE:
            self.probe_succeeded()
        if self.state is State.HALF_OPEN:
            self._trial_running = True

    def succeeded(self, now: float) -> None:
        """Count a success."""
        self._trial_running = False
        if self.state is State.CLOSED:
            self._window.add(now, failed=False)
            return
        self.probe_succeeded()
        self._trial_successes += 1
        if self._trial_successes >= self.settings.trials:
            self._close()

    def failed(self, now: float) -> None:
        """Count a failure of the endpoint itself."""
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
        """A call says nothing about the endpoint: the client left, the prompt was too long."""
        self._trial_running = False

    def probe_succeeded(self) -> None:
        """Go from open to half-open: trials may begin."""
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN
            self._trial_successes = 0
            self._trial_running = False

    def back_off(self, now: float) -> None:
        """Open for twice as long as before, after a failed probe or trial."""
        self._backoff = min(self._backoff * 2, MAX_BACKOFF)
        self._open(now)

    def _open(self, now: float) -> None:
        self.state = State.OPEN
        self.probe_at = now + self.settings.open * self._backoff

    def _close(self) -> None:
        self.state = State.CLOSED
        self._backoff = 1
        self._window = SlidingWindow(self.settings.window)
