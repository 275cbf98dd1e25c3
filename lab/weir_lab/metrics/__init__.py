"""How good a router's scores are: RouteLLM's measures, and spending at a retention.

Pure numpy over arrays of one length; every metric takes weights, so that a bootstrap replicate is a
set of weights. Must not know files, routers or reports.
"""

from weir_lab.metrics.bootstrap import Interval, bootstrap
from weir_lab.metrics.curve import (
    Curve,
    Ranked,
    decile_curve,
    full_curve,
    quantile_curve,
    random_scores,
)
from weir_lab.metrics.fit import brier, expected_calibration_error
from weir_lab.metrics.frontier import aiq, hull, share_at_retention, spend_at_retention
from weir_lab.metrics.routellm import apgr, apgr_gain, cpt, pgr

__all__ = [
    "Curve",
    "Interval",
    "Ranked",
    "aiq",
    "apgr",
    "apgr_gain",
    "bootstrap",
    "brier",
    "cpt",
    "decile_curve",
    "expected_calibration_error",
    "full_curve",
    "hull",
    "pgr",
    "quantile_curve",
    "random_scores",
    "share_at_retention",
    "spend_at_retention",
]
