"""An estimate from feedback as one frozen value, and as JSON. NaN becomes null."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from weir_lab.evaluation.report import plain
from weir_lab.feedback.estimate import Estimate
from weir_lab.metrics.bootstrap import Interval

FORMAT = 1


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """The estimated value of one threshold, and its share of strong calls."""

    threshold: float
    strong_share: float
    value: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReport:
    """All results of an estimate."""

    ledger: str
    policy: str  # that made the decisions
    asked: str  # the policy, threshold or bundle that is estimated
    weak: str
    strong: str
    decisions: int  # scored, rated or not
    left_out: Mapping[str, int]  # other decisions, by the reason they are left out
    estimate: Estimate
    strong_share: float  # of all scored decisions, under the estimated policy
    strong_share_served: float
    cost: Interval  # USD a decision under the estimated policy; NaN where unknown
    cost_served: Interval
    rated_by_model: Mapping[str, tuple[int, int]]  # rated, decided
    sweep: tuple[SweepPoint, ...]
    clip: float
    repeats: int
    seed: int
    notes: tuple[str, ...]


def to_json(report: FeedbackReport) -> str:
    """JSON with a trailing newline; equal reports give equal text."""
    document = {"format": FORMAT, **cast("dict[str, object]", plain(asdict(report)))}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
