"""Turns an objective into a threshold for the scores of one router; knows no wire."""

from dataclasses import dataclass

from weir_gateway.domain.table import Retention

ENOUGH_LABELS = 300  # of own traffic; with fewer too little is shown of a router
EPSILON = 1e-9  # decimal shares survive their way through binary floats


@dataclass(frozen=True, slots=True)
class Certified:
    """A threshold that keeps `retention` with `confidence`, certified on held-out outcomes."""

    retention: float
    confidence: float
    threshold: float
    own: bool = False  # on labels of own traffic; else on the bundle's exams


@dataclass(frozen=True, slots=True)
class RouterCalibration:
    """How one router's scores lie over the reference prompts."""

    quantiles: tuple[float, ...]  # evenly spaced from 0 to 1, ascending; empty: not calibrated
    certified: tuple[Certified, ...]
    labels: int = 0  # of own traffic that the router was measured on
    gain: float = 0.0  # there, of APGR over drawing lots

    @property
    def fails(self) -> bool:
        """Whether enough labels of own traffic show that the scores do no better than lots."""
        return self.labels >= ENOUGH_LABELS and self.gain <= 0

    def threshold_for_share(self, share: float) -> float | None:
        """The score that a share of the reference prompts reaches: their (1 - share) quantile."""
        if not self.quantiles:
            return None
        position = min(max(1.0 - share, 0.0), 1.0) * (len(self.quantiles) - 1)
        below = min(int(position), max(len(self.quantiles) - 2, 0))
        above = min(below + 1, len(self.quantiles) - 1)
        low, high = self.quantiles[below], self.quantiles[above]
        return low + (high - low) * (position - below)

    def threshold_for_retention(self, objective: Retention) -> float:
        """The highest threshold certified to keep at least as much, at least as surely.

        What labels of own traffic certify goes before the bundle's exams, which know nothing of
        it. 0.0, all strong, where there is no certificate.
        """
        enough = [
            c
            for c in self.certified
            if c.retention >= objective.retention - EPSILON
            and c.confidence >= objective.confidence - EPSILON
        ]
        own = [c for c in enough if c.own]
        return max((c.threshold for c in own or enough), default=0.0)
