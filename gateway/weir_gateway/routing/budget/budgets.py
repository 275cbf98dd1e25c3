"""Every policy's budget: its cutoff, the reservation of each request, and what was spent.

Joins the budgets with the store that gateways share. A request waits for that store only if its
gateway's own lease has run out.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weir_gateway.domain.budget import Budget, BudgetReservation, BudgetState
from weir_gateway.domain.decision import Excluded, Reason, RouteDecision
from weir_gateway.domain.errors import BudgetExceeded
from weir_gateway.domain.money import NOTHING, usd
from weir_gateway.domain.table import Backend, Policy
from weir_gateway.routing.budget.lease import BudgetLease
from weir_gateway.routing.budget.pacing import SampledRequest
from weir_gateway.routing.budget.plan import by_traffic
from weir_gateway.routing.budget.policy_budget import Estimates, PolicyBudget, QuantileOf
from weir_gateway.routing.budget.ports import BudgetStore, BudgetStoreUnavailable
from weir_gateway.routing.ports import Clock
from weir_policy.ids import PicoUsd, PolicyId
from weir_policy.spec.objective import SpendingPlan, WhenSpent
from weir_policy.spec.policy import Mode

LACKS: Final = "budget"  # what a candidate lacks that must not step in any more


class Budgets:
    """The budgets of whatever policies have one."""

    def __init__(
        self, store: BudgetStore, clock: Clock, now: Callable[[], float], instance: str
    ) -> None:
        """`now` is seconds since 1970; `instance` tells this process from all others."""
        self._store = store
        self._clock = clock
        self._now = now
        self._instance = instance
        self._accounts: dict[PolicyId, PolicyBudget] = {}

    def policy_budget(self, policy: Policy, budget: Budget) -> PolicyBudget:
        """The policy's account in the period of now."""
        account = self._accounts.get(policy.id)
        if account is None or account.budget.per is not budget.per:
            account = self._accounts[policy.id] = PolicyBudget(budget, self._now(), self._instance)
        account.roll_over(budget, self._now())
        return account

    def cutoff(self, account: PolicyBudget, seen: SampledRequest, quantile: QuantileOf) -> float:
        """The threshold, or λ in quality per USD, that a request like `seen` is decided by."""
        return account.cutoff(seen, quantile, at=self._clock(), now=self._now())

    async def reserve(
        self, policy: Policy, decision: RouteDecision, estimates: Estimates
    ) -> RouteDecision:
        """Take room for a decided request; `estimates` are what it would cost on each candidate.

        Where its candidate does not fit, the weakest that can serve answers, for the reason
        `budget`. Where not even that fits only the policy's first candidate is still paid, unless
        the policy rejects: else raises BudgetExceeded.
        """
        budget = policy.objective
        if not isinstance(budget, Budget) or decision.reason is Reason.CACHE:
            return decision
        account = self.policy_budget(policy, budget)
        decided = decision.intended or decision
        account.observe(policy, decided, estimates, at=self._clock(), now=self._now())
        if policy.mode is Mode.SHADOW:  # what would have been spent is kept, nothing is refused
            shadowed = await self._fit(account, policy, decided, estimates)
            shadowed = shadowed or _forced(account, policy, decided, estimates)
            if decision.intended is None:
                return replace(decision, budget_reservation=shadowed.budget_reservation)
            return replace(
                decision, intended=shadowed, budget_reservation=shadowed.budget_reservation
            )
        fitted = await self._fit(account, policy, decision, estimates)
        if fitted is not None:
            return fitted
        last = decision.chosen if _bound(policy, decision) else decision.weakest(policy)
        if account.budget.when_spent is WhenSpent.REJECT or last.id != policy.candidates[0].id:
            raise self._spent(account, policy)
        return _forced(account, policy, decision, estimates)

    def settle(self, decision: RouteDecision, paid: PicoUsd, thought: PicoUsd = NOTHING) -> None:
        """A request that had room has ended and cost `paid` in all.

        `thought` is what was estimated, where it can be compared with that.
        """
        account = self._accounts.get(decision.policy)
        if decision.budget_reservation is None or account is None:
            return
        account.settle(decision.budget_reservation, paid)
        if thought:
            account.pacer.learn(decision.chosen.id, usd(thought), usd(paid))

    async def renew(self, *, last: bool = False) -> None:
        """Tell the store what was spent and learn what others have; a few times a second.

        The `last` time also gives up what was granted and not spent.
        """
        for policy, account in tuple(self._accounts.items()):
            account.roll_over(account.budget, self._now())
            if account.idle and not last and not account.renewal_due(self._clock()):
                continue
            for lease in (account.lease, *account.ending_leases):
                await self._tell(policy, account, lease, last=last)
            account.ending_leases = [one for one in account.ending_leases if not one.settled]
            if not account.degraded:
                await self._learn(policy, account)

    async def load(self, policy: Policy) -> None:
        """Learn where the policy's period stands, before any request of it has come."""
        if isinstance(policy.objective, Budget):
            account = self.policy_budget(policy, policy.objective)
            await self._tell(policy.id, account, account.lease)
            await self._learn(policy.id, account)

    def states(self) -> dict[PolicyId, BudgetState]:
        """Where each policy stands whose budget was used."""
        return {policy: account.state(self._now()) for policy, account in self._accounts.items()}

    def retain(self, policies: set[PolicyId]) -> None:
        """Forget those of other policies, once nothing of theirs is on its way."""
        for policy in self._accounts.keys() - policies:
            account = self._accounts[policy]
            if account.lease.settled and not account.ending_leases:
                del self._accounts[policy]

    async def _fit(
        self, account: PolicyBudget, policy: Policy, decision: RouteDecision, estimates: Estimates
    ) -> RouteDecision | None:
        """The decision with its cost reserved; on the weakest if only that fits, None if none."""
        room = await self._take(account, policy, account.expected_cost(decision, estimates))
        if room is not None:
            return replace(decision, budget_reservation=room)
        weakest = decision.weakest(policy)
        if _bound(policy, decision) or (weakest.id == decision.chosen.id and not decision.buffered):
            return None
        room = await self._take(account, policy, account.corrected_cost(weakest, estimates))
        return None if room is None else _moved(account, policy, decision, weakest, room)

    async def _take(
        self, account: PolicyBudget, policy: Policy, amount: PicoUsd
    ) -> BudgetReservation | None:
        if not account.lease.fits(amount):
            at = self._clock()
            if not account.may_renew(at):
                return None
            await self._tell(policy.id, account, account.lease, amount)
            if not account.lease.fits(amount):
                account.mark_exhausted(at)
                return None
        return account.reserve(amount)

    async def _tell(
        self,
        policy: PolicyId,
        account: PolicyBudget,
        lease: BudgetLease,
        estimate: int = 0,
        *,
        last: bool = False,
    ) -> None:
        claim = lease.request(policy, self._instance, estimate, last=last)
        try:
            standing = await self._store.renew(claim)
        except BudgetStoreUnavailable:
            account.degraded = True
            lease.allow_offline()
            return
        account.degraded = False
        others = lease.update(claim, standing)
        if others and lease is account.lease:
            account.pacer.rate.add(self._clock(), others)

    async def _learn(self, policy: PolicyId, account: PolicyBudget) -> None:
        """The plan, where a period is new, and what is counted for later plans."""
        period = account.lease.span
        try:
            if account.budget.plan is SpendingPlan.TRAFFIC and account.planned_for != period.key:
                requests = await self._store.traffic(policy)
                account.plan = by_traffic(account.budget.per, period, requests)
                account.planned_for = period.key
            for hour in sorted(account.counted):
                count = account.counted[hour]
                await self._store.count(policy, hour, count)
                account.counted[hour] -= count
                if not account.counted[hour]:
                    del account.counted[hour]
        except BudgetStoreUnavailable:
            account.degraded = True

    def _spent(self, account: PolicyBudget, policy: Policy) -> BudgetExceeded:
        return BudgetExceeded(
            f"the budget of policy {policy.id} for this {account.budget.per} is spent: wait until "
            "the next one begins, or raise spec.objective.budget",
            wait=int(account.lease.span.end - self._now()) + 1,
        )


def _moved(
    account: PolicyBudget,
    policy: Policy,
    decision: RouteDecision,
    to: Backend,
    room: BudgetReservation,
) -> RouteDecision:
    """The same request by `to`; those that no longer fit must not step in for it either."""
    lacking = {one.backend for one in decision.excluded}
    dearer = (
        Excluded(b.id, LACKS) for b in policy.candidates if b.id not in lacking and b.id != to.id
    )
    return replace(
        decision,
        chosen=to,
        reason=Reason.BUDGET,
        detail=f"this {account.budget.per}'s budget is spent",
        excluded=(*decision.excluded, *dearer),
        buffered=False,
        explored=False,
        propensity=1.0,
        budget_reservation=room,
    )


def _forced(
    account: PolicyBudget, policy: Policy, decision: RouteDecision, estimates: Estimates
) -> RouteDecision:
    """By the weakest, whatever that adds to what was spent."""
    weakest = decision.weakest(policy)
    room = account.reserve(account.corrected_cost(weakest, estimates))
    return _moved(account, policy, decision, weakest, room)


def _bound(policy: Policy, decision: RouteDecision) -> bool:
    """Whether only the chosen candidate may answer."""
    return decision.reason is Reason.DIRECT or decision.is_pinned(policy)
