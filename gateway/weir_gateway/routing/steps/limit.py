"""Check a request's limits before it is decided, reserve what it may use, settle what it used.

All limits are checked in one call: with the least that the cheapest candidate uses and the most
that the dearest one uses.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from weir_gateway.domain.decision import Reason, RouteDecision
from weir_gateway.domain.errors import BudgetExceeded, LimitReached
from weir_gateway.domain.limits import (
    PICO_PER_NANO,
    UNLIMITED,
    Admission,
    AppliedLimit,
    LimitCheck,
    LimitReservation,
    LimitResult,
)
from weir_gateway.domain.money import PICO_PER_USD, cost
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import Backend, Policy
from weir_gateway.routing.estimate import expected_tokens, reserved_output
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_policy.ids import PicoUsd, PolicyId
from weir_policy.spec.limits import LIMIT_NAMES, Limits, LimitsFailure, Measure, Window
from weir_policy.spec.policy import Mode
from weir_wires.content import Usage

LEANS_FROM = 0.8  # share of the strong allowance from which on the threshold rises
TOO_FEW_CHARS = 3 / 4  # prompt tokens are estimated at three characters each; prose has about four


class LimitStore(Protocol):
    """What clients and backends may still use."""

    async def take(self, asks: Sequence[LimitCheck], *, closed: bool) -> LimitResult:
        """Set aside what one request takes of all its limits, or nothing where one refuses it.

        `closed` limits raise LimitsUnknown while the store that counts for all gateways is gone;
        others are then counted here alone.
        """
        ...

    def settle(self, reservation: LimitReservation, amount: int) -> None:
        """Count `amount` in place of what was set aside. Never blocks, never raises."""
        ...


@dataclass(frozen=True, slots=True)
class _Taking:
    """What a request takes at least and at most, of each measure."""

    tokens: int
    cheap: int  # nano-USD
    expensive: int
    strong_least: int
    strong_most: int

    def of(self, measure: Measure) -> tuple[int, int]:
        match measure:
            case Measure.REQUESTS:
                return 1, 1
            case Measure.TOKENS:
                return self.tokens, self.tokens
            case Measure.USD:
                return self.cheap, self.expensive
            case Measure.STRONG_USD:
                return self.strong_least, self.strong_most


@dataclass(frozen=True, slots=True)
class _Limit:
    """One limit that a request comes under."""

    counter: str
    name: str
    measure: Measure
    window: Window
    limit: int
    policy: PolicyId

    @property
    def shared(self) -> bool:
        """Whether other clients use it too."""
        return self.name.startswith("total")

    def check(self, least: int, most: int) -> LimitCheck:
        """A request that alone takes more than the limit is let in where nothing else was."""
        limit = self.limit
        return LimitCheck(
            counter=self.counter,
            window=self.window,
            limit=limit,
            min_amount=min(least, limit),
            max_amount=min(most, limit),
            name=self.name,
            policy=self.policy,
        )

    def must_fit(self, request: Request) -> None:
        """Raises LimitReached where the prompt alone never would."""
        prompt = int(request.prompt_tokens * TOO_FEW_CHARS)
        if self.measure is Measure.TOKENS and prompt > self.limit:
            raise LimitReached(
                f"the prompt alone has about {prompt} tokens, more than {self.name} allows: "
                f"{self.limit}; send less of it",
            )


class Limiter:
    """Asks limits and settles them."""

    def __init__(self, limits: LimitStore | None) -> None:
        self._limits = limits

    async def check(self, matched: PolicyMatch, request: Request) -> Admission:
        """Set aside what `request` takes.

        Raises LimitReached and BudgetExceeded, saying which limit refuses it, and LimitsUnknown.
        """
        policy, key = matched.policy.policy, request.key
        if self._limits is None or (policy.limits is None and not (key and key.limits)):
            return UNLIMITED
        limits = list(_limits_of(policy, key))
        taking = _taking(matched, request)
        asks = [one.check(*taking.of(one.measure)) for one in limits]
        for one in limits:
            one.must_fit(request)
        closed = policy.when_limits_gone is LimitsFailure.CLOSED
        taken = await self._limits.take(asks, closed=closed)
        if taken.refused >= 0:
            raise _refusal(limits[taken.refused], asks[taken.refused], taken)
        return _admitted(limits, taken)

    def charge(self, decision: RouteDecision, request: Request) -> RouteDecision:
        """Set aside what the chosen model takes, now that it is known."""
        if self._limits is None or not decision.admission.limits:
            return decision
        if decision.buffered:  # it may escalate: the most stays set aside
            return decision
        cached = decision.reason is Reason.CACHE
        spent = 0 if cached else _nano(_estimate(decision.chosen, request))
        amounts = {Measure.USD: spent, Measure.STRONG_USD: spent if _is_strong(decision) else 0}
        admission = decision.admission
        if not _settle(self._limits, admission.limits, amounts):
            return decision
        parts = tuple(_as_reserved(part, amounts) for part in admission.limits)
        return replace(decision, admission=replace(admission, limits=parts))

    def settle(self, decision: RouteDecision, outcome: Outcome) -> None:
        """Count what was really used."""
        if self._limits is None or not decision.admission.limits:
            return
        amounts = {
            Measure.USD: _nano(outcome.paid),
            Measure.STRONG_USD: _nano(_paid_strong(decision, outcome)),
        }
        tokens = _tokens(decision, outcome)
        if tokens is not None:
            amounts[Measure.TOKENS] = tokens
        _settle(self._limits, decision.admission.limits, amounts)

    def release(self, admission: Admission) -> None:
        """What was set aside for a request that came to nothing; that it came stays counted."""
        if self._limits is not None:
            for part in admission.limits:
                if part.measure is not Measure.REQUESTS:
                    self._limits.settle(part.reservation, 0)


def _settle(limits: LimitStore, parts: Sequence[AppliedLimit], amounts: dict[Measure, int]) -> bool:
    """Whether anything differs from what was set aside."""
    changed = False
    for part in parts:
        amount = amounts.get(part.measure, part.reservation.amount)
        if amount != part.reservation.amount:
            limits.settle(part.reservation, amount)
            changed = True
    return changed


def _limits_of(policy: Policy, key: ClientKey | None) -> Iterator[_Limit]:
    """Every limit that a client of `policy` comes under; without keys all clients are one."""
    name = "" if key is None else key.name
    if key is not None:
        yield from _of(key.limits, f"key/{name}", "the key's", policy.id)
    if policy.limits is not None:
        mine = f"policy/{policy.id}/key/{name}"
        yield from _of(policy.limits.per_key, mine, "perKey", policy.id)
        yield from _of(policy.limits.total, f"policy/{policy.id}/total", "total", policy.id)


def _of(limits: Limits, whose: str, of: str, policy: PolicyId) -> Iterator[_Limit]:
    for limit in limits:
        measure, window = limit.measure, limit.window
        amount = limit.amount // PICO_PER_NANO if measure.is_money else limit.amount
        if amount:
            written = LIMIT_NAMES[measure, window]
            name = f"{of} {written}" if " " in of or "'" in of else f"{of}.{written}"
            yield _Limit(f"{whose}/{measure}/{window}", name, measure, window, amount, policy)


def _taking(matched: PolicyMatch, request: Request) -> _Taking:
    """A direct call and Shadow have one way to go; of one candidate none is strong."""
    policy, direct = matched.policy.policy, matched.direct
    costs = [_nano(_estimate(backend, request)) for backend in policy.candidates]
    tokens = expected_tokens(request)
    last = policy.candidates[-1]
    competed = len(policy.candidates) > 1
    if direct is not None:
        spent = _nano(_estimate(direct, request))
        strong = spent if competed and direct.id == last.id else 0
        return _Taking(tokens, spent, spent, strong, strong)
    if policy.mode is Mode.SHADOW:
        return _Taking(tokens, costs[-1], costs[-1], 0, 0)
    return _Taking(tokens, costs[0], max(costs), 0, costs[-1] if competed else 0)


def _estimate(backend: Backend, request: Request) -> PicoUsd:
    """From above: all of the prompt, and the cap that its client set."""
    return cost(backend.price, Usage(input=request.prompt_tokens, output=reserved_output(request)))


def _admitted(limits: Sequence[_Limit], taken: LimitResult) -> Admission:
    parts = tuple(
        AppliedLimit(one.measure, one.limit, used, reservation)
        for one, used, reservation in zip(limits, taken.used, taken.reservations, strict=True)
    )
    spent = [p.used / p.limit for p in parts if p.measure is Measure.STRONG_USD]
    pressure = (max(spent, default=0.0) - LEANS_FROM) / (1 - LEANS_FROM)
    short = "" if taken.fits_max else _status(limits[taken.blocking], _used_before(taken))
    return Admission(parts, short, min(max(pressure, 0.0), 1.0))


def _used_before(taken: LimitResult) -> int:
    """What was used of the limit that is short, without this request's part."""
    return taken.used[taken.blocking] - taken.reservations[taken.blocking].amount


def _refusal(limit: _Limit, ask: LimitCheck, taken: LimitResult) -> LimitReached:
    seconds = max(math.ceil(taken.wait), 1)
    if not limit.measure.is_money:
        per = f"{limit.limit} {limit.measure} a {limit.window}"
        left = {f"limit-{limit.measure}": limit.limit, f"remaining-{limit.measure}": 0}
        message = f"the limit {limit.name} is reached ({per}): {_more_at(limit.window, seconds)}"
        return LimitReached(message, wait=seconds, remaining=left)
    message = (
        f"the estimate for this request, {_usd(ask.min_amount)}, doesn't fit what is left of "
        f"{_status(limit, taken.used[taken.refused])}; {_more_at(limit.window, seconds)}"
    )
    return BudgetExceeded(message, wait=seconds)


def _status(limit: _Limit, used: int) -> str:
    """A limit of USD, and what its client has used of it; of other clients' use nothing."""
    per = f"{_usd(limit.limit)} a {limit.window}"
    if limit.shared:
        return f"{limit.name} ({per})"
    return f"{limit.name} ({_usd(used)} of {per} used)"


def _more_at(window: Window, seconds: int) -> str:
    if window is Window.MINUTE:
        return f"try again in {seconds} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"there is more at 00:00 UTC (in {hours} h {minutes} min)"


def _usd(nano: int) -> str:
    return f"${nano * PICO_PER_NANO / PICO_PER_USD:.4g}"


def _as_reserved(part: AppliedLimit, amounts: dict[Measure, int]) -> AppliedLimit:
    amount = amounts.get(part.measure, part.reservation.amount)
    if amount == part.reservation.amount:
        return part
    return replace(part, reservation=replace(part.reservation, amount=amount))


def _is_strong(decision: RouteDecision) -> bool:
    """A direct call's baseline is itself: whether it is strong is known from what was asked."""
    if decision.reason is Reason.DIRECT:
        return any(
            p.measure is Measure.STRONG_USD and p.reservation.amount
            for p in decision.admission.limits
        )
    return decision.strong


def _paid_strong(decision: RouteDecision, outcome: Outcome) -> int:
    beside = sum(
        one.paid for one in outcome.side_costs if one.side_cost.backend.id == decision.baseline.id
    )
    return beside + (outcome.paid_for_answer if _is_strong(decision) else 0)


def _tokens(decision: RouteDecision, outcome: Outcome) -> int | None:
    """The answer's tokens; None where the provider reported none: then the estimate stays."""
    if decision.reason is Reason.CACHE or (outcome.error and not outcome.paid):
        return 0
    usage = outcome.usage
    return None if usage is None else usage.input + usage.output


def _nano(amount: int) -> int:
    return -(-amount // PICO_PER_NANO)  # a part of one counts as one
