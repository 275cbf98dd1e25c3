"""How a policy decides between weak and strong: the declaration of its objective only."""

from enum import StrEnum
from typing import ClassVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import PROBABILITY, SHARE, USD
from weir_policy.fields.kinds import Choice
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape
from weir_policy.ids import PicoUsd


class Period(StrEnum):
    """What a budget is for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class WhenSpent(StrEnum):
    """What becomes of requests for which a budget has no room left."""

    WEAKEST = "weakest"
    REJECT = "reject"


class SpendingPlan(StrEnum):
    """How a budget is meant to be spent over its period."""

    TRAFFIC = "traffic"
    EVEN = "even"


@shape
class Quality:
    """Keep a share of the strongest candidate's quality."""

    retention: float = required(SHARE, "The share of its quality to keep.")
    confidence: float = defaulted(SHARE, "How sure the calibration must be of that.", default="95%")


@shape
class Budget:
    """As many strong answers as this pays for, in each calendar period (UTC)."""

    CHECKS: ClassVar = (Check("double(self.usd) > 0.0", "usd must be above zero", "usd"),)

    usd: PicoUsd = required(
        USD, "What all of the policy's requests may cost in the period, weak answers included."
    )
    per: Period = required(Choice(Period), "The period it is for.")
    when_spent: WhenSpent = defaulted(
        Choice(WhenSpent),
        "What becomes of requests for which no room is left: the first candidate answers all the "
        "same (weakest), or they are refused with 429 until the period ends (reject).",
        default="weakest",
    )
    plan: SpendingPlan = defaulted(
        Choice(SpendingPlan),
        "How spending is laid over the period: as the traffic of the days before came (traffic; "
        "evenly until one whole day is known), or the same every second (even).",
        default="traffic",
    )


@shape
class Objective:
    """How it is decided whether a prompt needs the strong model; exactly one way."""

    CHECKS: ClassVar = (
        Check(
            "[has(self.threshold), has(self.strongShare), has(self.quality), has(self.budget)]"
            ".exists_one(x, x)",
            "write exactly one of threshold, strongShare, quality and budget",
        ),
    )

    threshold: float | None = optional(
        PROBABILITY, "The strong model answers where the score is at least this."
    )
    strong_share: float | None = optional(
        SHARE,
        "The strong model answers this share of prompts like the bundle's reference prompts; the "
        "threshold follows from the router's calibration.",
    )
    quality: Quality | None = optional(
        Object(Quality), "As few strong answers as keep this much of the quality."
    )
    budget: Budget | None = optional(
        Object(Budget),
        "As many strong answers as this pays for, spread over the period; see docs/budget.md.",
    )
