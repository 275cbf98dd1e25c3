"""The threshold of one share: it follows the scores of its traffic.

It starts with the bundle's reference prompts as its sample and replaces them by the policy's own
scores as they come. The threshold is a quantile of the sample, and what was sent to the strong
model too often or too seldom so far is made up for: the share that was served converges to the one
that was asked for, on any traffic and after any shift of it.
"""

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from weir_gateway.routing.share.ports import ShareReport, ShareState

SAMPLE: Final = 400  # scores: few enough that a shift of the traffic is over after as many requests
CORRECTION: Final = 30  # requests: one too many moves the share that is aimed at by 1/30
MAX_DEBT: Final = 100.0  # requests; a longer history is not made up for
STALE: Final = 100  # requests after the last report: what all know is old by then
ABOVE_ALL: Final = 2.0  # a threshold that no score reaches


class ShareFollower:
    """The recent scores, and the choices that were made on them."""

    def __init__(self, share: float, reference: tuple[float, ...]) -> None:
        """`reference` are the scores to start from; `share` is in (0,1)."""
        self._share = share
        self.reference = reference
        self._sample = deque(reference)  # the oldest first
        self._sorted = sorted(reference)
        self._replaceable = len(reference)  # of the sample's scores: those of the reference
        self._debt = 0.0  # strong choices that are owed; negative where there were too many
        self._fresh: deque[float] = deque(maxlen=SAMPLE)  # scores that no report has told yet
        self._forgotten: Counter[float] = Counter()  # scores that are not for the sample
        self._forgot = 0  # requests of all gateways by then
        self._requests = 0  # since the last report
        self._owed = 0.0  # since then
        self._rest = 1.0  # [0,1]: of the debt after a request here, as others make up for it too
        self._seen = 0  # requests of all gateways, as of the last report
        self._together = False  # whether the last report reached the other gateways
        self._exchanged = False  # whether other gateways' scores were ever asked for

    @property
    def threshold(self) -> float:
        """The score from which on the strong candidate is chosen now."""
        aim = min(max(self._share + self._debt / CORRECTION, 0.0), 1.0)
        above = round(aim * len(self._sorted))
        if above == 0:
            return ABOVE_ALL
        return self._sorted[-above] if above < len(self._sorted) else 0.0

    @property
    def unsent(self) -> int:
        """Requests since the last report."""
        return self._requests

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell the other gateways, or to hear for the first time."""
        return bool(self._requests or not self._exchanged)

    def observe(self, score: float, *, strong: bool) -> None:
        """Count one choice."""
        owed = self._share - strong
        self._owed += owed
        self._debt = _bounded(self._debt * self._rest if self._together else self._debt + owed)
        self._requests += 1
        self._fresh.append(score)
        if not self._together:  # else it comes with the others' scores
            self._add(score)
        elif self._requests >= STALE:
            self._stand_alone()

    def forget(self, scores: Sequence[float], owed: float) -> None:
        """Go on as if choices with these scores had never been made here."""
        self._forgotten, self._forgot = Counter(scores), self._seen
        self._owed -= owed
        self._debt = _bounded(self._debt - owed)
        self._sample_from(tuple(self._sample)[self._replaceable :])

    def start_from(self, scores: Sequence[float], owed: float) -> None:
        """Begin with choices that were made elsewhere."""
        self._owed = self._debt = _bounded(owed)
        self._fresh.extend(scores)  # the store knows them by another key
        self._sample_from(scores)

    def _sample_from(self, scores: Sequence[float]) -> None:
        left_out = self._forgotten.copy()
        own: list[float] = []
        for score in scores:
            if left_out[score] > 0:
                left_out[score] -= 1
            else:
                own.append(score)
        left = self.reference[len(own) :]
        self._replaceable = len(left)
        self._sample = deque((*left, *own))
        self._sorted = sorted(self._sample)

    def _add(self, score: float) -> None:
        self._sample.append(score)
        insort(self._sorted, score)
        if self._replaceable or len(self._sample) > SAMPLE:
            del self._sorted[bisect_left(self._sorted, self._sample.popleft())]
            self._replaceable = max(self._replaceable - 1, 0)

    def report(self) -> ShareReport:
        """What the other gateways have not been told yet; `adopt` or `restore` comes after it."""
        report = ShareReport(tuple(self._fresh), self._requests, self._owed)
        self._fresh.clear()
        self._requests, self._owed = 0, 0.0
        return report

    def adopt(self, report: ShareReport, state: ShareState) -> None:
        """Go on from what all gateways know; what came since `report` is kept.

        All make up for what they owe together. Each takes the others to do so as fast as it does
        itself, by its part of the requests.
        """
        others = max(state.requests - self._seen, 1)
        self._rest = max(1.0 - others / (CORRECTION * max(report.requests, 1)), 0.0)
        self._debt = _bounded(state.debt)
        self._seen = state.requests
        self._together = self._exchanged = True
        if state.requests - self._forgot > SAMPLE:
            self._forgotten.clear()
        self._sample_from(state.scores)

    def restore(self, report: ShareReport) -> None:
        """Keep `report` for the next time: the store did not answer."""
        self._fresh = deque((*report.scores, *self._fresh), maxlen=SAMPLE)
        self._requests += report.requests
        self._owed = _bounded(self._owed + report.owed)
        self._stand_alone()

    def _stand_alone(self) -> None:
        """Go on with the scores that no other gateway knows yet."""
        if self._together:
            self._together = False
            self._debt = _bounded(self._debt + self._owed)
            for score in self._fresh:
                self._add(score)


def _bounded(debt: float) -> float:
    return min(max(debt, -MAX_DEBT), MAX_DEBT)
