"""Metrics by variant: answers, cost and savings."""

from weir_gateway.domain.decision import AssignedVariant, RouteDecision
from weir_gateway.domain.money import usd
from weir_gateway.domain.outcome import Outcome
from weir_runtime.metrics import Registry


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
