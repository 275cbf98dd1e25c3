"""A RoutePolicy's limits: what its clients may use. The declaration only.

One row of DIMENSIONS is one limit that users can write: for a policy's clients, in the key file,
as an option of `weir key create` and, where the row says so, for a backend.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import USD
from weir_policy.fields.kinds import Kind, Whole
from weir_policy.fields.shapes import Check, optional, shape

T = TypeVar("T")
COUNT = Whole(at_least=1, at_most=4_000_000_000)


class LimitsFailure(StrEnum):
    """What limits do while the store that counts for all gateways is gone."""

    OPEN = "open"
    CLOSED = "closed"


class Measure(StrEnum):
    """What a limit counts."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    USD = "usd"
    STRONG_USD = "strong_usd"  # of answers of the policy's last candidate

    @property
    def is_money(self) -> bool:
        """Whether its amounts are USD."""
        return self in {Measure.USD, Measure.STRONG_USD}


class Window(StrEnum):
    """The time a limit is for."""

    MINUTE = "minute"  # any sixty seconds
    DAY = "day"  # of the calendar, UTC


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `amount` is in requests, tokens or pico-USD."""

    measure: Measure
    window: Window
    amount: int


Limits = tuple[Limit, ...]  # at most one of each dimension; empty: nothing is limited


@dataclass(frozen=True, slots=True)
class Dimension:
    """A limit that users can write."""

    name: str
    measure: Measure
    window: Window
    sentence: str
    backend_sentence: str = ""  # where a backend can have the limit too

    @property
    def attribute(self) -> str:
        """`usdPerDay` as Python has it, usd_per_day."""
        return re.sub("([A-Z])", r"_\1", self.name).lower()

    @property
    def kind(self) -> Kind[int]:
        """How the amount is written."""
        return USD if self.measure.is_money else COUNT


DIMENSIONS = (
    Dimension(
        "requestsPerMinute",
        Measure.REQUESTS,
        Window.MINUTE,
        "Requests in any sixty seconds.",
        "Requests in any sixty seconds, over all gateways; more count as a failure of kind "
        "rateLimit, so that another candidate may answer.",
    ),
    Dimension(
        "tokensPerMinute",
        Measure.TOKENS,
        Window.MINUTE,
        "Prompt and answer tokens in any sixty seconds.",
        "Prompt and answer tokens in any sixty seconds, likewise.",
    ),
    Dimension("usdPerMinute", Measure.USD, Window.MINUTE, "USD in any sixty seconds."),
    Dimension("usdPerDay", Measure.USD, Window.DAY, "USD per calendar day (UTC)."),
    Dimension(
        "strongUsdPerDay",
        Measure.STRONG_USD,
        Window.DAY,
        "USD per calendar day (UTC) on the last candidate. Past it the weakest candidate "
        "answers, with the reason `budget`. Over its last fifth the threshold rises linearly "
        "to 1.",
    ),
)
LIMIT_NAMES = {(row.measure, row.window): row.name for row in DIMENSIONS}


def add_limit_fields(cls: type[T], sentences: Iterable[tuple[Dimension, str]]) -> type[T]:
    """Give `cls` a field for each dimension, with its sentence, before it becomes a shape."""
    for row, sentence in sentences:
        cls.__annotations__[row.attribute] = int | None
        setattr(cls, row.attribute, optional(row.kind, sentence))
    return cls


def limits_of(value: object) -> Limits:
    """The limits that are set in a shape with limit fields."""
    return tuple(_set_limits(value))


def _set_limits(value: object) -> Iterator[Limit]:
    for row in DIMENSIONS:
        amount: int | None = getattr(value, row.attribute, None)
        if amount:
            yield Limit(row.measure, row.window, amount)


def _with_every_limit(cls: type[T]) -> type[T]:
    return add_limit_fields(cls, ((row, row.sentence) for row in DIMENSIONS))


@shape
@_with_every_limit
class Allowance:
    """What may be used."""

    CHECKS: ClassVar = tuple(
        Check(
            f"!has(self.{row.name}) || double(self.{row.name}) > 0.0",
            f"{row.name} must be above 0",
        )
        for row in DIMENSIONS
        if row.measure.is_money
    )


@shape
class PolicyLimits:
    """What clients may use."""

    per_key: Allowance | None = optional(
        Object(Allowance), "Each client key; without client keys all clients are one."
    )
    total: Allowance | None = optional(Object(Allowance), "All clients of the policy together.")
