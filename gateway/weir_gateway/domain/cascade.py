"""Weak answers first: the judge's router name, and how a weak answer came out."""

from enum import StrEnum
from typing import Final

from weir_policy.ids import RouterName

JUDGE_ROUTER: Final = RouterName("judge")  # a policy's router that is a model and not the scorer's


class CascadeResult(StrEnum):
    """How a weak answer came out; the same word in the metric."""

    ACCEPTED = "accepted"
    ESCALATED = "escalated"
    UNJUDGED = "unjudged"  # given without a verdict: it was too long, or there was none to be had
