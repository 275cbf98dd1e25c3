"""What clients' feedback says of another policy: estimates, what they rest on, one report.

Knows arrays alone; where they come from is the command's affair.
"""

from weir_lab.feedback.estimate import Estimate, Options, estimate
from weir_lab.feedback.page import render
from weir_lab.feedback.report import FeedbackReport, SweepPoint, to_json
from weir_lab.feedback.sweep import sweep

__all__ = [
    "Estimate",
    "FeedbackReport",
    "Options",
    "SweepPoint",
    "estimate",
    "render",
    "sweep",
    "to_json",
]
