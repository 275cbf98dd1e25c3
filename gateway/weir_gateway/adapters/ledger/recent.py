"""Recent decisions in memory, for feedback that arrives before the decision's ledger row."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.finish_gate import GateStep
from weir_gateway.domain.ids import DecisionId, KeyName
from weir_gateway.domain.outcome import Outcome, RatedDecision
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.account import DecisionRecorder
from weir_runtime.lru import LruDict

MAX_DECISIONS: Final = 20_000  # decisions, about 0.5 kB each


class RecentDecisions:
    """A DecisionRecorder that remembers each decision's key and models, and passes all on."""

    def __init__(
        self,
        inner: DecisionRecorder,
        now: Callable[[], float],
        *,
        max_decisions: int = MAX_DECISIONS,
    ) -> None:
        """`now` is seconds since 1970."""
        self._inner = inner
        self._now = now
        self._recent: LruDict[DecisionId, tuple[RatedDecision, tuple[Backend, ...]]] = LruDict(
            max_decisions
        )

    def __len__(self) -> int:
        return len(self._recent)

    def find(self, decision: DecisionId) -> RatedDecision | None:
        """The decision, if it is among the latest."""
        entry = self._recent.get(decision)
        return None if entry is None else _with_candidates(*entry)

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        self._inner.decided(request, decision, seconds)
        key = KeyName(request.key.name if request.key is not None else "")
        model = decision.chosen.name
        decided = RatedDecision(key, decision.policy, model, (), self._now())
        self._recent.put(decision.id, (decided, decision.servable))

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        self._inner.fell_back(request, decision)
        self._model_changed(decision)

    def joined(self, request: Request, decision: RouteDecision) -> None:
        self._inner.joined(request, decision)
        self._model_changed(decision)

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        self._inner.cascaded(request, decision, result)
        self._model_changed(decision)

    def gated(self, request: Request, decision: RouteDecision, step: GateStep) -> None:
        self._inner.gated(request, decision, step)
        self._model_changed(decision)

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        self._inner.finished(request, decision, outcome)

    def _model_changed(self, decision: RouteDecision) -> None:
        entry = self._recent.get(decision.id)
        if entry is not None:
            decided, servable = entry
            self._recent.put(decision.id, (replace(decided, model=decision.chosen.name), servable))


def _with_candidates(decided: RatedDecision, servable: tuple[Backend, ...]) -> RatedDecision:
    names = dict.fromkeys([*(backend.name for backend in servable), decided.model])
    return replace(decided, candidates=tuple(names))
