"""The response headers that describe a decision."""

from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.table import RouteTable
from weir_gateway.http.errors import limit_headers
from weir_policy.ids import PolicyId


class DecisionHeaders:
    """Writes them; remembers which policies of the last table expose their scores."""

    __slots__ = ("_exposing", "_table")

    def __init__(self) -> None:
        self._table: RouteTable | None = None
        self._exposing = frozenset[PolicyId]()

    def of(self, decision: RouteDecision, table: RouteTable, overhead: float) -> dict[str, str]:
        """The headers of one decision, which took `overhead` seconds."""
        headers = {
            "x-weir-decision": str(decision.id),
            "x-weir-model": str(decision.chosen.name),
            "x-weir-policy": str(decision.policy),
            "x-weir-reason": decision.label,
            "x-weir-overhead-ms": f"{overhead * 1000:.2f}",
        }
        if decision.admission.limits:
            headers |= limit_headers(decision.admission.remaining())
        if decision.scored is not None and decision.policy in self._exposing_score(table):
            headers["x-weir-score"] = f"{decision.scored.score:.4f}"
        return headers

    def _exposing_score(self, table: RouteTable) -> frozenset[PolicyId]:
        """The policies that expose their scores, computed once per table."""
        if self._table is not table:
            self._table = table
            self._exposing = frozenset(p.id for p in table.policies if p.expose.score)
        return self._exposing
