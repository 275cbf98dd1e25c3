"""Calendar periods in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from weir_policy.spec.objective import Period

HOUR: Final = 3600.0  # seconds
DAY: Final = 24 * HOUR
_LONGEST_MONTH: Final = timedelta(days=31)


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
