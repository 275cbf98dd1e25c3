"""How a policy decides between weak and strong: the declaration of its objective only."""

from enum import StrEnum
from typing import ClassVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import PROBABILITY, SHARE, USD
from weir_policy.fields.kinds import Choice, Whole
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


class UnknownPrompts(StrEnum):
    """Where prompts go of whose kind the bundle knows little."""

    WEAK = "weak"
    STRONG = "strong"
    SHARE = "share"


@shape
class Quality:
    """Keep a share of the strongest candidate's quality."""

    retention: float = required(SHARE, "The share of the strong model's quality to retain.")
    confidence: float = defaulted(
        SHARE, "The confidence with which the bundle must certify that.", default="95%"
    )


@shape
class Budget:
    """As many strong answers as this pays for, in each calendar period (UTC)."""

    CHECKS: ClassVar = (Check("double(self.usd) > 0.0", "usd must be above zero", "usd"),)

    usd: PicoUsd = required(
        USD, "What all requests of the policy may cost in the period, weak answers included."
    )
    per: Period = required(Choice(Period), "The calendar period (UTC).")
    when_spent: WhenSpent = defaulted(
        Choice(WhenSpent),
        "What happens to requests that don't fit what is left: the first candidate answers "
        "anyway (weakest), or they are refused with 429 until the period ends (reject).",
        default="weakest",
    )
    plan: SpendingPlan = defaulted(
        Choice(SpendingPlan),
        "How spending is spread over the period: in proportion to the traffic of the days "
        "before (traffic; evenly until one whole day is known), or the same every second "
        "(even).",
        default="traffic",
    )


@shape
class Value:
    """The candidate whose predicted quality is worth most after its price."""

    CHECKS: ClassVar = (
        Check("double(self.usdPerPoint) > 0.0", "must be above zero", "usdPerPoint"),
    )

    usd_per_point: PicoUsd = required(
        USD,
        "What one more percentage point of an answer's quality is worth to you, for one request.",
    )
    caution: int = defaulted(
        Whole(at_least=0, at_most=4),
        "How many standard errors of a prediction are taken off it, so that a model with few "
        "probes has to be better by more.",
        default=1,
    )


@shape
class Objective:
    """How it is decided whether a prompt needs the strong model; exactly one way."""

    CHECKS: ClassVar = (
        Check(
            "[has(self.threshold), has(self.strongShare), has(self.quality), has(self.budget), "
            "has(self.value)].exists_one(x, x)",
            "write exactly one of threshold, strongShare, quality, budget and value",
        ),
        Check(
            "!has(self.unknown) || self.unknown != 'share' || has(self.strongShare)",
            "share needs strongShare: it draws lots for that share",
            "unknown",
        ),
        Check(
            "!has(self.unknown) || !has(self.budget)",
            "can't be written with budget, which decides by what is left to spend",
            "unknown",
        ),
        Check(
            "!has(self.unknown) || !has(self.value)",
            "can't be written with value, which decides by predicted quality: raise its caution",
            "unknown",
        ),
    )

    threshold: float | None = optional(
        PROBABILITY, "The strong model answers if the score is at least this."
    )
    strong_share: float | None = optional(
        SHARE,
        "This share of the policy's scored requests goes to the strong model. The threshold "
        "starts at the bundle's reference prompts and follows the policy's own scores.",
    )
    quality: Quality | None = optional(
        Object(Quality),
        "The threshold is the highest one that the bundle certifies for this "
        "retention. Without a certificate every request goes to the strong "
        "model; `weir calibrate --into` makes one.",
    )
    budget: Budget | None = optional(
        Object(Budget),
        "As many strong answers as this amount pays for, spread over the period; see "
        "docs/budget.md.",
    )
    value: Value | None = optional(
        Object(Value),
        "Two to ten candidates: the one whose predicted quality, at `usdPerPoint`, is worth most "
        "after its price. Each backend needs a `profile` of the bundle; see docs/candidates.md.",
        feature="value",
    )
    unknown: UnknownPrompts | None = optional(
        Choice(UnknownPrompts),
        "Where a prompt goes whose kind the bundle doesn't know: to the first candidate (weak), to "
        "the last (strong), or by lot to the last for `strongShare` of conversations (share). Not "
        "set: by its score, as any other. See docs/policies.md.",
    )
