"""One decision as plain values, for the picture and for JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from weir_agents.facts import NO_AGENT, values
from weir_agents.written import sentence
from weir_cli.explain.policy_text import caches, cascade, finish_gate, limits, named
from weir_cli.explain.stage_text import stage_lines
from weir_cli.score_bar import Scale
from weir_gateway.domain.budget import Budget, BudgetState
from weir_gateway.domain.decision import AssignedVariant, Verdict
from weir_gateway.domain.money import usd
from weir_gateway.domain.table import (
    Exploration,
    Objective,
    Retention,
    StrongShare,
    Threshold,
    Value,
)
from weir_gateway.http.route import stage_fields
from weir_gateway.routing.explain import CandidateView
from weir_gateway.routing.explain import Explanation as Explained
from weir_gateway.routing.steps.explore import alternative_of
from weir_policy.spec.objective import UnknownPrompts

PERIODS = {3_600.0: "hour", 86_400.0: "day", 30 * 86_400.0: "month"}
_NO_SCALE = Scale(())


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and how it came out; `verdict` is empty after an earlier rule decided."""

    name: str
    when: str
    verdict: str
    error: str = ""

    @property
    def matched(self) -> bool:
        """Whether this rule decided."""
        return self.verdict == Verdict.HOLDS


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate of the policy."""

    name: str
    quality: float | None  # predicted, in [0,1]; None where there is no profile or no score
    cost_usd: float  # predicted, from above
    lacks: str  # what it lacks to serve this request; empty where it can
    chosen: bool
    profiled: bool = True  # whether its backend names a `profile`
    dominated_by: str = ""  # a cheaper candidate that is predicted no worse; empty: none is


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """Where a budget stands in its period; amounts in USD."""

    period: str  # 2026-11-24 is a day
    spent: float
    planned: float  # by now
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One decision and what led to it."""

    model: str
    policy: str
    mode: str
    objective: str
    rules: tuple[Rule, ...]
    router: str
    bundle: str
    score: float | None
    harder_than: float | None  # the share of the reference prompts that score lower
    known: float | None  # how well the prompt's kind is known, in [0,1]; None: not told
    skipped: int  # characters at its start that the policy's prompts share, not scored
    unknown: bool  # whether that is so little that `objective.unknown` decides
    threshold: float | None
    threshold_harder_than: float | None  # the same of the threshold
    candidates: tuple[Candidate, ...]
    choice: str
    reason: str
    detail: str
    intended: str  # Shadow: what would have been chosen
    fallbacks: tuple[str, ...] = ()  # tried in this order when the choice fails
    fallback_on: tuple[str, ...] = ()  # the kinds of failure that lead to them
    cache: str = "off"  # what is looked up for this request, or why nothing is
    cascade: str = ""  # what accepts the answer, and which model answers otherwise
    traffic: str = ""  # how much of the policy's traffic is unknown, by the ledger
    finish_gate: str = ""  # what is done with the answer if it ends an agent's run
    judge: str = ""  # the model that rates prompts; explain never calls it
    limits: str = ""  # what it would come under
    exploration: str = ""  # whether this decision is near enough to go the other way at times
    budget: BudgetStatus | None = None  # where the policy's budget stands
    agent: str = ""  # where an agent's conversation stands; empty for a plain chat
    stage: Mapping[str, object] | None = None  # what the router `stage` saw, for --json
    stage_lines: tuple[tuple[str, str], ...] = ()  # the same in words
    agent_facts: Mapping[str, object] | None = None  # the same as numbers, for --json
    variant: str = ""  # which of the policy's variants decided, and how many have it

    def to_json(self) -> dict[str, object]:
        """The explanation as `--json` prints it."""
        return asdict(self)


def describe(model: str, explained: Explained, scales: Mapping[str, Scale]) -> Explanation:
    """Put the gateway's own explanation into plain values; `scales` are by router."""
    decision, policy = explained.decision, explained.policy
    agent = explained.request.facts.agent
    scored = decision.scored
    scale = scales.get(scored.router, _NO_SCALE) if scored else _NO_SCALE
    return Explanation(
        model=model,
        policy=policy.id,
        mode=policy.mode,
        objective=objective(policy.objective),
        rules=_rules(explained),
        router=scored.router if scored else "",
        bundle=scored.bundle if scored else "",
        score=scored.score if scored else None,
        harder_than=scale.share_easier(scored.score) if scored else None,
        known=scored.known if scored else None,
        skipped=scored.skipped if scored else 0,
        unknown=scored is not None and scored.unknown,
        threshold=decision.threshold,
        threshold_harder_than=_placed(scale, decision.threshold),
        candidates=tuple(_candidate(seen) for seen in explained.candidates),
        choice=decision.chosen.name,
        reason=decision.label,
        detail=decision.detail,
        intended=decision.intended.chosen.name if decision.intended else "",
        fallbacks=tuple(backend.name for backend in explained.fallbacks),
        fallback_on=tuple(sorted(policy.fallback_on)) if explained.fallbacks else (),
        cache=caches(policy.cache, decision),
        budget=_budgeted(explained.budget),
        agent=sentence(agent),
        stage=None if decision.stage is None else stage_fields(decision.stage),
        stage_lines=() if decision.stage is None else stage_lines(decision.stage),
        agent_facts=None if agent == NO_AGENT else values(agent),
        variant=_variant(decision.variant),
        cascade=cascade(policy.cascade, decision),
        finish_gate=finish_gate(policy.finish_gate, decision),
        judge=named(policy.judge.backend) if policy.judge is not None else "",
        limits=limits(policy, explained.request),
        exploration=exploration(policy.exploration, explained),
    )


def exploration(value: Exploration | None, explained: Explained) -> str:
    """What the policy explores, and whether this request is part of it."""
    if value is None:
        return ""
    alternative = alternative_of(explained.request, explained.decision, value)
    share = f"{100 * value.share:g}%"
    budget = (
        f"at most ${usd(value.budget):g} per {PERIODS.get(value.period, f'{value.period:g} s')}"
    )
    if alternative is None:
        return f"not this one: {share} within {value.band:g} of the threshold, {budget}"
    extra = f"${usd(alternative.extra_cost):.6f}"
    return f"{share} of such requests go to {alternative.backend.name} for {extra} more, {budget}"


def objective(value: Objective | None) -> str:
    """The objective as its policy writes it."""
    match value:
        case Threshold(threshold, unknown):
            return f"threshold {threshold:g}{_unknown(unknown)}"
        case StrongShare(share, unknown):
            promise = f"strongShare {100 * share:g}%, starts here and follows the traffic"
            return f"{promise}{_unknown(unknown)}"
        case Retention(retention, confidence, unknown):
            promise = f"quality: retention {100 * retention:g}%, confidence {100 * confidence:g}%"
            return f"{promise}{_unknown(unknown)}"
        case Budget(amount, per):
            return f"budget ${usd(amount):g} a {per}"
        case Value(point, caution):
            careful = f", caution {caution}" if caution != 1 else ""
            return f"value: ${usd(point):g} a percentage point of quality{careful}"
        case None:
            return "one candidate"


def _unknown(where: UnknownPrompts | None) -> str:
    return "" if where is None else f"; unknown: {where}"


def _variant(assigned: AssignedVariant | None) -> str:
    if assigned is None:
        return ""
    return f"{assigned.name}, as {100 * assigned.share:g}% of conversations"


def _budgeted(state: BudgetState | None) -> BudgetStatus | None:
    if state is None:
        return None
    return BudgetStatus(state.span, usd(state.spent), usd(state.planned), usd(state.limit))


def _placed(scale: Scale, score: float | None) -> float | None:
    return None if score is None else scale.share_easier(score)


def _rules(explained: Explained) -> tuple[Rule, ...]:
    tried = {rule.name: rule for rule in explained.rules}
    return tuple(
        Rule(rule.name, rule.when, str(tried[rule.name].verdict), tried[rule.name].error)
        if rule.name in tried
        else Rule(rule.name, rule.when, "")
        for rule in explained.policy.rules
    )


def _candidate(seen: CandidateView) -> Candidate:
    return Candidate(
        seen.backend.name,
        seen.quality,
        usd(seen.estimate),
        seen.lacks,
        chosen=seen.chosen,
        profiled=bool(seen.backend.profile),
        dominated_by=seen.dominated_by,
    )
