"""What clients and backends may use: limits as values, and the arithmetic of a sliding minute.

A limit is asked with what a request takes at least and at most: where only the least fits, the
expensive way is closed and the request goes the cheap one.
"""

from dataclasses import dataclass

from weir_policy.ids import PolicyId
from weir_policy.spec.limits import Limits, Measure, Window

DAY_SECONDS = 86_400
PICO_PER_NANO = 1000  # limits count money in nano-USD: whole numbers that a double still holds


@dataclass(frozen=True, slots=True)
class PolicyLimits:
    """What a policy's clients may use: each, and all together."""

    per_key: Limits = ()
    total: Limits = ()


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """One limit that a request comes under; amounts are requests, tokens or nano-USD."""

    counter: str  # whose, and of what
    window: Window
    limit: int
    min_amount: int
    max_amount: int
    name: str  # as users write it: `perKey.usdPerDay`
    policy: PolicyId | None = None  # for the metric


@dataclass(frozen=True, slots=True)
class LimitReservation:
    """What was set aside from one limit, until it is known what was used."""

    counter: str
    window: Window
    slot: int  # the second or the day that it was set aside in
    amount: int
    local: bool = False  # counted by this gateway alone, while the store was gone


@dataclass(frozen=True, slots=True)
class LimitResult:
    """How limits came out for one request, each as it was asked."""

    fits_max: bool = True  # the most fits everywhere; False: the least was set aside
    blocking: int = -1  # the first limit that the most does not fit in
    refused: int = -1  # the first limit that not even the least fits in: nothing was set aside
    wait: float = 0.0  # seconds until it would
    reservations: tuple[LimitReservation, ...] = ()
    used: tuple[int, ...] = ()  # of each limit, this request's part included


@dataclass(frozen=True, slots=True)
class AppliedLimit:
    """One limit's part of a request that was let in."""

    measure: Measure
    limit: int
    used: int  # this request's part included
    reservation: LimitReservation


@dataclass(frozen=True, slots=True)
class Admission:
    """What a request was let in with."""

    limits: tuple[AppliedLimit, ...] = ()
    blocking_limit: str = ""  # the limit that closed the dear way; empty: it is open
    pressure: float = 0.0  # [0,1]: how far the threshold is raised towards 1

    @property
    def allow_strong(self) -> bool:
        """Whether the strong model may answer."""
        return not self.blocking_limit

    def remaining(self) -> dict[str, int]:
        """What is left of a minute's requests and tokens, as headers tell it; the tightest."""
        fields: dict[str, int] = {}
        for part in self.limits:
            if not part.measure.is_money and part.reservation.window is Window.MINUTE:
                left, name = max(part.limit - part.used, 0), f"remaining-{part.measure}"
                if left <= fields.get(name, left):
                    fields |= {name: left, f"limit-{part.measure}": part.limit}
        return fields


UNLIMITED = Admission()
