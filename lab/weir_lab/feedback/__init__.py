"""Estimates a policy's quality from clients' feedback on another one, and reports it.

Takes arrays; the command reads them from the ledger.
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
