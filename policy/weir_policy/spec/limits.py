"""A RoutePolicy's limits: what its clients may use. The declaration only."""

from enum import StrEnum
from typing import ClassVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import USD
from weir_policy.fields.kinds import Whole
from weir_policy.fields.shapes import Check, optional, shape
from weir_policy.ids import PicoUsd

COUNT = Whole(at_least=1, at_most=4_000_000_000)
_MONEY = ("usdPerMinute", "usdPerDay", "strongUsdPerDay")


class LimitsFailure(StrEnum):
    """What limits do while the store that counts for all gateways is gone."""

    OPEN = "open"
    CLOSED = "closed"


@shape
class Allowance:
    """What may be used."""

    CHECKS: ClassVar = tuple(
        Check(f"!has(self.{name}) || double(self.{name}) > 0.0", f"{name} must be above 0")
        for name in _MONEY
    )

    requests_per_minute: int | None = optional(COUNT, "Requests in any sixty seconds.")
    tokens_per_minute: int | None = optional(
        COUNT, "Prompt and answer tokens in any sixty seconds."
    )
    usd_per_minute: PicoUsd | None = optional(USD, "USD in any sixty seconds.")
    usd_per_day: PicoUsd | None = optional(USD, "USD per calendar day (UTC).")
    strong_usd_per_day: PicoUsd | None = optional(
        USD,
        "USD per calendar day (UTC) on the last candidate. Past it the weakest candidate "
        "answers, with the reason `budget`. Over its last fifth the threshold rises linearly "
        "to 1.",
    )


@shape
class PolicyLimits:
    """What clients may use."""

    per_key: Allowance | None = optional(
        Object(Allowance), "Each client key; without client keys all clients are one."
    )
    total: Allowance | None = optional(Object(Allowance), "All clients of the policy together.")
