"""Decisions whose requests another program sends, with everything that led to them.

Nothing is sent from here, and no answer is seen. So a decision counts at once: shares follow it,
its session is warm from then on, and a budget holds its estimate until `settle` says what it cost.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.domain.budget import Budget
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.money import cost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy, RouteTable
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider, DecisionParts
from weir_gateway.routing.estimate import estimate_costs
from weir_gateway.routing.explain import Explanation, WithQuality, explanation_of
from weir_gateway.routing.policy.compiled import is_callable
from weir_gateway.routing.policy.variants import session_key
from weir_gateway.routing.ports import Clock
from weir_gateway.routing.probe import check_probes
from weir_gateway.routing.steps.sticky import WarmBackend
from weir_policy.ids import PicoUsd, PolicyId
from weir_wires.content import Usage

MAX_UNSETTLED: Final = 10_000  # decisions; about 2 KB each
UNSETTLED_FOR: Final = 600.0  # seconds, as long as a backend's default timeout for an answer
RENEWAL: Final = 0.5  # seconds between two updates of what budgets have spent


@dataclass(frozen=True, slots=True)
class _Unsettled:
    decision: RouteDecision
    estimate: PicoUsd
    until: float  # on the clock


class Adviser:
    """Decides requests that another program sends. Call it from one thread at a time."""

    def __init__(self, parts: DecisionParts, clock: Clock, *, score_timeout: float) -> None:
        """`score_timeout` is in seconds."""
        self._parts = replace(parts, scorer=WithQuality(parts.scorer))
        self._decider = Decider(self._parts)
        self._clock = clock
        self._score_timeout = score_timeout
        self._unsettled: OrderedDict[DecisionId, _Unsettled] = OrderedDict()
        self._loaded: set[PolicyId] = set()
        self._renewed_at = 0.0

    async def check(self, table: RouteTable) -> None:
        """Compile `table` and decide its probes. Raises BadTable for the first policy that fails.

        Raises ScorerUnavailable if a probe can't be decided: the table may be good.
        """
        self._decider.compiled(table)
        await check_probes(self._decider, table, self._score_timeout)

    def serves(self, table: RouteTable, model: str) -> bool:
        """Whether a request may write `model`, a name that a pattern matches included."""
        return is_callable(self._decider.compiled(table), model, None)

    async def advise(self, request: Request, table: RouteTable) -> Explanation:
        """Decide `request` and count it as sent. Raises what `Decider.decide` raises."""
        await self._renew_budgets(table)
        context = RoutingContext(
            request=request,
            table=table,
            purpose=Purpose.ADVISE,
            score_timeout=self._score_timeout,
        )
        decision = await self._decider.decide(context)
        compiled = self._decider.compiled(table).by_id[decision.policy]
        if decision.budget_reservation is not None or decision.session_reservation is not None:
            self._await_cost(request, decision)
        self._remember(request, decision, compiled.policy)
        return explanation_of(request, decision, compiled, self._parts.budgets)

    def settle(self, decision: DecisionId, usage: Usage) -> bool:
        """Count the tokens of a decision's answer against its policy's budget or session's ceiling.

        False where neither waits for it: its policy has none, or it was settled before.
        """
        unsettled = self._unsettled.pop(decision, None)
        if unsettled is None:
            return False
        paid = cost(unsettled.decision.chosen.price, usage)
        if self._parts.budgets is not None:
            self._parts.budgets.settle(unsettled.decision, paid, unsettled.estimate)
        if self._parts.memory is not None:
            self._parts.memory.settle_paid(unsettled.decision, paid)
        return True

    async def _renew_budgets(self, table: RouteTable) -> None:
        """Load budgets that are new, settle what is overdue, update what was spent."""
        budgets = self._parts.budgets
        if budgets is None:
            return
        for policy in table.policies:
            if isinstance(policy.objective, Budget) and policy.id not in self._loaded:
                self._loaded.add(policy.id)
                await budgets.load(policy)
        now = self._clock()
        if self._loaded and now >= self._renewed_at + RENEWAL:
            self._renewed_at = now
            self._settle_overdue(now)
            await budgets.renew()

    def _await_cost(self, request: Request, decision: RouteDecision) -> None:
        """Remember what a decision may cost; the oldest counts as estimated when there are more."""
        estimate = estimate_costs([decision.chosen], request)[decision.chosen.id]
        until = self._clock() + UNSETTLED_FOR
        self._unsettled[decision.id] = _Unsettled(decision, estimate, until)
        if len(self._unsettled) > MAX_UNSETTLED:
            self._settle_oldest()

    def _settle_overdue(self, now: float) -> None:
        while self._unsettled and next(iter(self._unsettled.values())).until <= now:
            self._settle_oldest()

    def _settle_oldest(self) -> None:
        _, unsettled = self._unsettled.popitem(last=False)
        if self._parts.budgets is not None:
            self._parts.budgets.settle(unsettled.decision, unsettled.estimate)

    def _remember(self, request: Request, decision: RouteDecision, policy: Policy) -> None:
        sessions = self._parts.sessions
        session = session_key(policy.id, request) if sessions is not None and policy.sticky else ""
        if sessions is not None and session:
            sessions.put(
                session, WarmBackend(decision.chosen.id, request.prompt_tokens), policy.sticky
            )
