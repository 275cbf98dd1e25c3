"""Thresholds for a share of strong calls, a retention of quality or a budget.

Each has a stated confidence; a threshold that can't be certified is refused. Pure: arrays in,
frozen values out. Must not know files, routers or reports.
"""

from weir_lab.calibration.budget import Budget, within_budget
from weir_lab.calibration.retention import Retention, keep_retention
from weir_lab.calibration.share import Share, share_margin, strong_share
from weir_lab.calibration.snippet import snippet

__all__ = [
    "Budget",
    "Retention",
    "Share",
    "keep_retention",
    "share_margin",
    "snippet",
    "strong_share",
    "within_budget",
]
