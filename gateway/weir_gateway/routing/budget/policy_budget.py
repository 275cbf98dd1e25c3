"""One policy's budget as one gateway sees it: its cutoff, its lease and its current period."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from weir_gateway.domain.budget import Budget, BudgetReservation, BudgetState
from weir_gateway.domain.decision import RouteDecision, Scored
from weir_gateway.domain.money import usd
from weir_gateway.domain.table import Backend, Policy
from weir_gateway.routing.budget.lease import BudgetLease
from weir_gateway.routing.budget.pacing import Pacer, SampledRequest
from weir_gateway.routing.budget.plan import HOUR, Span, even, span
from weir_policy.ids import BackendId, PicoUsd

TWO: Final = 2  # candidates that one threshold can tell apart
AHEAD: Final = 48  # parts of a period: over one of them a gap between plan and spending closes
LONGEST_AHEAD: Final = HOUR
MEMORY: Final = 30  # parts of that, over which the traffic's rate is taken
EVERY: Final = 64  # requests after which the line is found anew ...
SECONDS: Final = 0.5  # ... or so long after the last time
EMPTY: Final = 0.5  # seconds for which the store is not asked again once it had nothing to grant
IDLE: Final = 5.0  # seconds between exchanges while no request comes
LEAVING: Final = 3  # periods that are over and may still have requests on their way
SEEDS: Final = 32
UNKNOWN: Final = -1e12  # quality of a candidate that none is predicted for: not worth a cent

QuantileOf = Callable[[float], float | None]  # the score that a share of reference prompts reaches
Estimates = dict[BackendId, PicoUsd]


class PolicyBudget:
    """The account."""

    def __init__(self, budget: Budget, now: float, holder: str) -> None:
        """`now` is seconds since 1970; `holder` tells this process from all others."""
        period = span(budget.per, now)
        self.budget = budget
        self._holder = holder
        self.lease = BudgetLease(period, budget.amount)
        self.plan = even(period)
        self.planned_for = ""  # the period whose plan follows the traffic
        self.ending_leases: list[BudgetLease] = []
        self.counted: dict[int, int] = {}  # requests by hours since 1970, not told yet
        self.degraded = False  # the store can't be reached
        self.pacer = Pacer(_ahead(period) / MEMORY)
        self._line: float | None = None
        self._line_at = 0.0
        self._line_after = 0
        self._renewed_at = -EMPTY
        self._reported_at = -IDLE

    def roll_over(self, budget: Budget, now: float) -> None:
        """Begin the next period where it has come; a clock that goes back begins none again.

        A changed amount holds at once.
        """
        self.budget = budget
        self.lease.limit = budget.amount
        if now < self.lease.span.end:
            return
        period = span(budget.per, now)
        self.ending_leases = [*self.ending_leases, self.lease][-LEAVING:]
        self.lease = BudgetLease(period, budget.amount)
        self.plan = even(period)
        self._line_after = 0
        self._renewed_at = -EMPTY

    def cutoff(self, seen: SampledRequest, quantile: QuantileOf, *, at: float, now: float) -> float:
        """The threshold, or λ in quality per USD, that a request like `seen` is decided by.

        `at` is the clock's time. `quantile` is what scores are taken to be like at first.
        """
        pacer = self.pacer
        if not pacer.seeded:
            pacer.seed(_seeds(seen, quantile) if len(seen.value) == 1 else [seen])
        count = pacer.rate.count
        due = at >= self._line_at + SECONDS or count >= self._line_after
        if self._line is None or due:
            by_price = len(seen.value) > 1
            self._line = pacer.cutoff(at, self._wanted(now), by_price=by_price)
            self._line_at, self._line_after = at, count + EVERY
        return self._line

    def corrected_costs(
        self, backends: Sequence[Backend], estimates: Estimates
    ) -> tuple[float, ...]:
        """Estimates in USD, corrected by what such answers did cost lately."""
        return tuple(usd(self.corrected_cost(backend, estimates)) for backend in backends)

    def corrected_cost(self, backend: Backend, estimates: Estimates) -> PicoUsd:
        """One estimate, corrected in the same way."""
        return PicoUsd(round(estimates[backend.id] * self.pacer.bias(backend.id)))

    def observe(
        self,
        policy: Policy,
        decision: RouteDecision,
        estimates: Estimates,
        *,
        at: float,
        now: float,
    ) -> None:
        """A request has come and was decided, or would have been, like this."""
        self.lease.requests += 1
        hour = int(now // HOUR)
        self.counted[hour] = self.counted.get(hour, 0) + 1
        self.pacer.rate.add(at)
        lacking = {one.backend for one in decision.excluded}
        able: Sequence[Backend] = [b for b in policy.candidates if b.id not in lacking]
        values = _values(decision, able)
        able = able if values else [decision.chosen]
        self.pacer.add(SampledRequest(self.corrected_costs(able, estimates), values))

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell."""
        return self.lease.settled and not self.ending_leases

    def renewal_due(self, at: float) -> bool:
        """Whether the store should be asked though nothing has happened here."""
        if at < self._reported_at + IDLE:
            return False
        self._reported_at = at
        return True

    def may_renew(self, at: float) -> bool:
        """Whether the store may have room to grant: not right after it had none."""
        return at >= self._renewed_at + EMPTY

    def mark_exhausted(self, at: float) -> None:
        """The store had nothing to grant."""
        self._renewed_at = at

    def expected_cost(self, decision: RouteDecision, estimates: Estimates) -> PicoUsd:
        """What a decided request is expected to cost.

        By two models where the first one's answer is looked at before it is given.
        """
        amount = self.corrected_cost(decision.chosen, estimates)
        if decision.buffered and decision.servable:
            amount = PicoUsd(amount + self.corrected_cost(decision.servable[-1], estimates))
        return amount

    def reserve(self, amount: PicoUsd) -> BudgetReservation:
        """Take room for a request."""
        self.lease.reserve(amount)
        return BudgetReservation(self.lease.span.key, amount, self._holder)

    def settle(self, room: BudgetReservation, paid: PicoUsd) -> None:
        """A request has ended; it counts in the period that it began in.

        In this one where that is too long over, or the room was another process's: an item of a
        batch may take hours.
        """
        purses = (self.lease, *self.ending_leases)
        lease = next((one for one in purses if one.span.key == room.span), None)
        if lease is None or room.holder != self._holder:
            (lease or self.lease).settle(0, paid)
        else:
            lease.settle(room.amount, paid)

    def state(self, now: float) -> BudgetState:
        """Where it stands."""
        lease = self.lease
        return BudgetState(
            span=lease.span.key,
            until=lease.span.end,
            limit=lease.limit,
            spent=lease.spent,
            planned=PicoUsd(round(lease.limit * self.plan.share(now))),
            cutoff=self._line,
            degraded=self.degraded,
        )

    def _wanted(self, now: float) -> float:
        """USD a second, so that spending is on the plan a while from now."""
        lease, period = self.lease, self.lease.span
        at = period.clamp(now)
        until = min(at + _ahead(period), period.end)
        goal = PicoUsd(round(lease.limit * self.plan.share(until)))
        return usd(PicoUsd(goal - lease.spent)) / max(until - at, 1.0)


def quality_of(scored: Scored, able: Sequence[Backend]) -> tuple[float, ...]:
    """Predicted quality of each."""
    return tuple(scored.quality.get(backend.profile, UNKNOWN) for backend in able)


def values_of(scored: Scored, policy: Policy, able: Sequence[Backend]) -> tuple[float, ...]:
    """What the line decides by: the score where two compete, predicted qualities where more do."""
    if len(policy.candidates) == TWO or not scored.quality:
        return (scored.score,)
    return quality_of(scored, able)


def _values(decision: RouteDecision, able: Sequence[Backend]) -> tuple[float, ...]:
    """The same of a decision; empty where the line was asked nothing."""
    scored = decision.scored
    if scored is None or decision.estimates is None or len(able) < TWO:
        return ()
    return (scored.score,) if decision.threshold is not None else quality_of(scored, able)


def _ahead(period: Span) -> float:
    return min(period.seconds / AHEAD, LONGEST_AHEAD)


def _seeds(seen: SampledRequest, quantile: QuantileOf) -> list[SampledRequest]:
    """Requests that cost as much as this one, and score as the reference prompts do."""
    shares = [(n + 0.5) / SEEDS for n in range(SEEDS)]
    scores = [quantile(share) for share in shares]
    return [
        replace(seen, value=(1.0 - share if score is None else score,))
        for share, score in zip(shares, scores, strict=True)
    ]
