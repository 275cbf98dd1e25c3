"""Counts decisions, fallbacks, cost and savings; keeps the totals that the operator receives.

A DecisionRecorder. It runs in each request, so it only adds numbers to cells that were bound at
the first request of their kind.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from weir_gateway.adapters.metrics.decision_log import DecisionLog
from weir_gateway.adapters.scorer.score_cache import cache_requests
from weir_gateway.domain.cache import CacheState
from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import AssignedVariant, Reason, RouteDecision, Verdict
from weir_gateway.domain.finish_gate import GateStep
from weir_gateway.domain.money import NOTHING, usd
from weir_gateway.domain.outcome import Outcome, PricedSideCost
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, RouteTable
from weir_policy.ids import PicoUsd, PolicyId
from weir_runtime.metrics import Counter, Family, Gauge, Histogram, Registry

log = logging.getLogger(__name__)

DECISION_BOUNDS = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
# OpenTelemetry's advice for gen_ai.client.token.usage and gen_ai.client.operation.duration.
TOKEN_BOUNDS = tuple(4**n for n in range(14))
OPERATION_BOUNDS = tuple(0.01 * 2**n for n in range(14))

CHAT = "chat"  # the operation of every call beside an answer
_BY_CONFIDENCE = {  # accepted or not before anything was sent
    Reason.CASCADE_ACCEPTED: CascadeResult.ACCEPTED,
    Reason.CASCADE_ESCALATED: CascadeResult.ESCALATED,
}
OPERATION = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")


@dataclass(slots=True)
class PolicyTotals:
    """One policy since this gateway started; `strong` counts what went to its last candidate.

    In mode Shadow `strong` counts what would have gone there.
    """

    requests: int = 0
    strong: int = 0
    paid: PicoUsd = NOTHING
    saved: PicoUsd = NOTHING
    judged: int = 0  # of requests: those whose prompt was told to be known or unknown
    unknown: int = 0  # of these: those of a kind that the bundle doesn't know
    uid: str = ""  # of the policy; empty where it has none, or is in no table yet


@dataclass(frozen=True, slots=True)
class _Cells:
    """One model's cells under one policy."""

    totals: PolicyTotals
    paid: Counter
    saved: Gauge
    estimated: Counter
    duration: Histogram
    input: Histogram
    output: Histogram


class DecisionMetrics:
    """Accounts over a registry of metrics."""

    def __init__(
        self, registry: Registry, log: DecisionLog, lookups: Family[Counter] | None = None
    ) -> None:
        """`look_ups` is weir.cache.requests, where another cache has declared it."""
        self._log = log
        self._lookups = lookups or cache_requests(registry)
        self._totals: dict[PolicyId, PolicyTotals] = {}
        self._cells: dict[tuple[str, str, str], _Cells] = {}
        self._decisions = registry.counter(
            "weir.decisions", "Decisions; a fallback is one more.", ("policy", "model", "reason")
        )
        self._unknown = _unknown_requests(registry)
        self._shadowed = registry.counter(
            "weir.shadow.decisions",
            "What policies in mode Shadow would have decided.",
            ("policy", "model", "reason"),
        )
        self._cascades = registry.counter(
            "weir.cascade.answers",
            "Weak answers of cascades, by how they came out.",
            ("policy", "result"),
        )
        self._gates = _gate_answers(registry)
        self._decision_duration = registry.histogram(
            "weir.decision.duration", "Seconds spent deciding.", bounds=DECISION_BOUNDS
        ).labels()
        self._rule_errors = registry.counter(
            "weir.rule.errors", "Rules that could not be evaluated.", ("policy", "rule")
        )
        self._variants = VariantMetrics(registry)
        self._paid = registry.counter(
            "weir.cost.usd", "Paid, as the prices say.", ("policy", "model"), unit="{USD}"
        )
        self._saved = registry.gauge(
            "weir.saved.usd",
            "What the same tokens would have cost on the last candidate, less what was paid.",
            ("policy", "model"),
            unit="{USD}",
        )
        self._estimated = registry.counter(
            "weir.usage.estimated",
            "Answers whose tokens no provider counted, so that their cost is an estimate.",
            ("policy", "model"),
        )
        self._operations = registry.histogram(
            "gen_ai.client.operation.duration",
            "Seconds from a request's arrival to its last byte.",
            (*OPERATION, "error.type"),
            bounds=OPERATION_BOUNDS,
        )
        self._tokens = registry.histogram(
            "gen_ai.client.token.usage",
            "Tokens as the provider counted them, else as estimated.",
            (*OPERATION, "gen_ai.token.type"),
            unit="{token}",
            bounds=TOKEN_BOUNDS,
        )

    def totals(self) -> Mapping[PolicyId, PolicyTotals]:
        """Per policy, since this gateway started."""
        return self._totals

    def on_table_change(self, table: RouteTable) -> None:
        """Begin anew with each policy that is another one of its name.

        One that leaves the table for a while and comes back goes on from its sums.
        """
        for policy in table.policies:
            totals = self._totals.setdefault(policy.id, PolicyTotals(uid=policy.uid))
            if totals.uid != policy.uid:
                self._totals[policy.id] = PolicyTotals(uid=policy.uid)
                for key in [key for key in self._cells if key[0] == policy.id]:
                    del self._cells[key]

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        """Count one decision that took `seconds`."""
        if not decision.batch:  # no client waits for an item of a batch
            self._decision_duration.record(seconds)
        self._decisions.labels(decision.policy, decision.chosen.name, decision.label).value += 1
        if decision.intended is not None:
            intended = decision.intended
            self._shadowed.labels(intended.policy, intended.chosen.name, intended.label).add()
        if decision.scored is not None and decision.scored.unknown:
            self._unknown.labels(decision.policy).add()
        if decision.reason in _BY_CONFIDENCE:
            self._cascades.labels(decision.policy, _BY_CONFIDENCE[decision.reason].value).add()
        if decision.rule_results:
            self._count_failed_rules(decision)
        if decision.cache.state is not CacheState.OFF:
            self._count_lookups(decision)
        self._log.decided(request, decision, seconds)

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        """Count that `decision` took the place of one whose model failed."""
        self._decisions.labels(decision.policy, decision.chosen.name, decision.label).add()
        self._log.fell_back(request, decision)

    def joined(self, request: Request, decision: RouteDecision) -> None:
        """Count that the answer to the same request, which was under way, is `decision`'s too."""
        self._decisions.labels(decision.policy, decision.chosen.name, decision.label).add()
        self._lookups.labels(decision.policy, "exact", "joined").add()
        self._log.joined(request, decision)

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        """Count how a weak answer came out; another model's turn is one more decision."""
        self._cascades.labels(decision.policy, result.value).add()
        if result is CascadeResult.ESCALATED:
            self._decisions.labels(decision.policy, decision.chosen.name, decision.label).add()
        self._log.cascaded(request, decision)

    def gated(self, request: Request, decision: RouteDecision, step: GateStep) -> None:
        """Count how an answer came out; another model's turn is one more decision."""
        self._gates.labels(decision.policy, step.value).add()
        if step is GateStep.ESCALATED:
            self._decisions.labels(decision.policy, decision.chosen.name, decision.label).add()
        if step is not GateStep.GOES_ON:
            self._log.gated(request, decision)

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Count one request's end, an aborted one too."""
        key = (decision.policy, decision.chosen.id, request.wire.operation)
        cells = self._cells.get(key)
        if cells is None:
            cells = self._cells[key] = self._bind(decision, request.wire.operation)
        _add(cells, decision, outcome)
        if decision.variant is not None:
            self._variants.add(decision, decision.variant, outcome)
        for one in outcome.side_costs:
            self._add_side_cost(decision.policy, one)
        if not decision.batch:
            self._add_duration(cells, request, decision, outcome)
        self._log.finished(request, decision, outcome)

    def _add_duration(
        self, cells: _Cells, request: Request, decision: RouteDecision, outcome: Outcome
    ) -> None:
        if outcome.error:
            self._operations.labels(
                *_operation(decision.chosen, request.wire.operation), outcome.error
            ).record(outcome.duration)
        elif decision.cache.response is None:  # else no model was asked
            cells.duration.record(outcome.duration)

    def _add_side_cost(self, policy: PolicyId, one: PricedSideCost) -> None:
        """What was paid beside an answer is the model's that was paid, as its tokens are."""
        spent = one.side_cost
        self._paid.labels(policy, spent.backend.name).add(usd(one.paid))
        self._saved.labels(policy, spent.backend.name).add(-usd(one.paid))
        operation = _operation(spent.backend, CHAT)
        self._tokens.labels(*operation, "input").record(spent.usage.input)
        self._tokens.labels(*operation, "output").record(spent.usage.output)
        if not spent.counted:
            self._estimated.labels(policy, spent.backend.name).add()

    def _bind(self, decision: RouteDecision, name: str) -> _Cells:
        policy, model = decision.policy, decision.chosen.name
        operation = _operation(decision.chosen, name)
        return _Cells(
            totals=self._totals.setdefault(policy, PolicyTotals()),
            paid=self._paid.labels(policy, model),
            saved=self._saved.labels(policy, model),
            estimated=self._estimated.labels(policy, model),
            duration=self._operations.labels(*operation, ""),
            input=self._tokens.labels(*operation, "input"),
            output=self._tokens.labels(*operation, "output"),
        )

    def _count_lookups(self, decision: RouteDecision) -> None:
        state, policy = decision.cache.state, decision.policy
        exact = CacheState.MISS if state is CacheState.SEMANTIC else state
        if decision.cache.exact_key or state is CacheState.BYPASS:
            self._lookups.labels(policy, "exact", exact.value).add()
        if decision.cache.semantic_key and state is not CacheState.HIT:
            meant = CacheState.HIT if state is CacheState.SEMANTIC else state
            self._lookups.labels(policy, "semantic", meant.value).add()

    def _count_failed_rules(self, decision: RouteDecision) -> None:
        for tried in decision.rule_results:
            if tried.verdict is Verdict.FAILED:
                errors = self._rule_errors.labels(decision.policy, tried.name)
                # Said once; it would be said again with every request.
                log.log(
                    logging.DEBUG if errors.value else logging.WARNING,
                    "a rule can't be evaluated and counts as not holding",
                    extra={"policy": decision.policy, "rule": tried.name, "why": tried.error},
                )
                errors.add()


def _unknown_requests(registry: Registry) -> Family[Counter]:
    return registry.counter(
        "weir.unknown.requests",
        "Requests whose prompt is of a kind that the bundle doesn't know.",
        ("policy",),
    )


def _gate_answers(registry: Registry) -> Family[Counter]:
    return registry.counter(
        "weir.gate.answers",
        "Answers that finish gates looked at, by how they came out.",
        ("policy", "result"),
    )


def _add(cells: _Cells, decision: RouteDecision, outcome: Outcome) -> None:
    totals = cells.totals
    totals.requests += 1
    totals.strong += (decision.intended or decision).strong
    totals.paid = PicoUsd(totals.paid + outcome.paid)
    totals.saved = PicoUsd(totals.saved + outcome.saved)
    scored = decision.scored
    if scored is not None and scored.known is not None:
        totals.judged += 1
        totals.unknown += scored.unknown
    answer = outcome.paid_for_answer
    cells.paid.value += usd(answer)
    cells.saved.value += usd(PicoUsd(outcome.saved + outcome.paid - answer))
    usage = outcome.usage
    if usage is not None and decision.cache.response is None:  # no model was asked for that one
        cells.estimated.value += not outcome.counted
        cells.input.record(usage.input)
        cells.output.record(usage.output)


def _operation(backend: Backend, name: str) -> tuple[str, str, str]:
    return (name, backend.protocol, backend.model)


class VariantMetrics:
    """The metrics; a series of their own, so that those of decisions keep their labels."""

    def __init__(self, registry: Registry) -> None:
        self._decisions = registry.counter(
            "weir.variant.decisions",
            "Answers of policies with variants.",
            ("policy", "variant", "model"),
        )
        self._paid = registry.counter(
            "weir.variant.cost.usd", "Paid by variant.", ("policy", "variant"), unit="{USD}"
        )
        self._saved = registry.gauge(
            "weir.variant.saved.usd",
            "Saved by variant, as weir.saved.usd.",
            ("policy", "variant"),
            unit="{USD}",
        )

    def add(self, decision: RouteDecision, variant: AssignedVariant, outcome: Outcome) -> None:
        """Count one answer; in mode Shadow under the model that would have given it."""
        policy, model = decision.policy, (decision.intended or decision).chosen.name
        self._decisions.labels(policy, variant.name, model).add()
        self._paid.labels(policy, variant.name).add(usd(outcome.paid))
        self._saved.labels(policy, variant.name).add(usd(outcome.saved))
