"""A budget's calendar periods, and how much of it should be spent by when.

A plan is even, or follows the traffic of the days before. Spending in proportion to requests keeps
one threshold all day; even spending sends every prompt of the night to the strong model and few at
noon. Pure arithmetic.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from statistics import fmean, median
from typing import Final

from weir_policy.spec.objective import Period

HOUR: Final = 3600.0  # seconds
DAY: Final = 24 * HOUR
_LONGEST_MONTH: Final = timedelta(days=31)
HOURS: Final = 24
WEEK: Final = 7  # days
REMEMBERED: Final = 14  # days of traffic that a plan looks back on
LEAST: Final = 0.05  # of the mean hour: what every hour gets, so that no plan stands still
_THURSDAY: Final = 3  # what 1970 began with, days counted from Monday


@dataclass(frozen=True, slots=True)
class Span:
    """One period: [start, end) in seconds since 1970. Keys of one kind sort by time."""

    key: str  # 2026-11-24T19, 2026-11-24 or 2026-11
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start

    def clamp(self, at: float) -> float:
        """`at`, moved into the period where it lies outside."""
        return min(max(at, self.start), self.end)


def span(period: Period, at: float) -> Span:
    """The period that `at` (seconds since 1970) lies in."""
    moment = datetime.fromtimestamp(at, UTC)
    match period:
        case Period.HOUR:
            start = moment.replace(minute=0, second=0, microsecond=0)
            return _span(start, start + timedelta(hours=1), "%Y-%m-%dT%H")
        case Period.DAY:
            start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            return _span(start, start + timedelta(days=1), "%Y-%m-%d")
        case Period.MONTH:
            start = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return _span(start, (start + _LONGEST_MONTH).replace(day=1), "%Y-%m")


def _span(start: datetime, end: datetime, form: str) -> Span:
    return Span(start.strftime(form), start.timestamp(), end.timestamp())


@dataclass(frozen=True, slots=True)
class SpendingPlan:
    """A rising line from 0 at the period's start to 1 at its end."""

    span: Span
    edges: tuple[float, ...]  # seconds since 1970, ascending: the first is the start
    shares: tuple[float, ...]  # [0,1], ascending: what should be spent by each edge

    def share(self, at: float) -> float:
        """What part of the budget should be spent at `at`; outside the period 0 or 1."""
        at = self.span.clamp(at)
        place = min(max(bisect_right(self.edges, at) - 1, 0), len(self.edges) - 2)
        low, high = self.edges[place], self.edges[place + 1]
        part = (at - low) / (high - low)
        return self.shares[place] + part * (self.shares[place + 1] - self.shares[place])


def even(span: Span) -> SpendingPlan:
    """The same every second."""
    return SpendingPlan(span, (span.start, span.end), (0.0, 1.0))


def by_traffic(period: Period, span: Span, requests: Mapping[int, int]) -> SpendingPlan:
    """As the hours of the days before went; `requests` are by hours since 1970.

    Evenly where no whole day is known, and within an hour always. A day counts as whole where
    requests are known from before it began; hours without any count as 0. Each hour is the median
    of its days, so that one day's burst is no plan for the next.
    """
    days = _whole_days(span, requests)
    if period is Period.HOUR or not days:
        return even(span)
    hours = [median(day[hour] for day in days.values()) for hour in range(HOURS)]
    hours = _with_least(hours)
    weekdays = _weekdays(days) if period is Period.MONTH else (1.0,) * WEEK
    count = round(span.seconds / HOUR)
    opening = round(span.start / DAY)
    weights = [
        hours[n % HOURS] * weekdays[(opening + n // HOURS + _THURSDAY) % WEEK] for n in range(count)
    ]
    total = sum(weights)
    shares = (0.0, *(sum_ / total for sum_ in accumulate(weights)))
    return SpendingPlan(span, tuple(span.start + n * HOUR for n in range(count + 1)), shares)


def _whole_days(span: Span, requests: Mapping[int, int]) -> dict[int, list[int]]:
    """By days since 1970, of the last that ended before the period began."""
    if not requests:
        return {}
    end = int(span.start // DAY)
    begin = max(-(-min(requests) // HOURS), end - REMEMBERED)
    days = {
        day: [requests.get(day * HOURS + hour, 0) for hour in range(HOURS)]
        for day in range(begin, end)
    }
    return {day: hours for day, hours in days.items() if any(hours)}


def _weekdays(days: Mapping[int, list[int]]) -> tuple[float, ...]:
    """How much each weekday weighs, Monday first; all the same until each was seen."""
    sums: list[list[int]] = [[] for _ in range(WEEK)]
    for day, hours in days.items():
        sums[(day + _THURSDAY) % WEEK].append(sum(hours))
    if not all(sums):
        return (1.0,) * WEEK
    return tuple(_with_least([fmean(each) for each in sums]))


def _with_least(weights: list[float]) -> list[float]:
    least = LEAST * fmean(weights) or 1.0
    return [max(weight, least) for weight in weights]
