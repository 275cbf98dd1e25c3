"""Accounts that remember the latest decisions, for feedback that comes before their ledger rows.

Bounded, the oldest out first. Must not know files.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.feedback import RatedDecision
from weir_gateway.domain.ids import DecisionId, KeyName
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.account import DecisionRecorder

MAX_DECISIONS: Final = 20_000  # decisions, about 0.5 kB each


class RecentDecisions:
    """Passes everything on to other accounts, and remembers whose each decision is."""

    def __init__(
        self, inner: DecisionRecorder, now: Callable[[], float], *, most: int = MAX_DECISIONS
    ) -> None:
        """`now` is seconds since 1970."""
        self._inner = inner
        self._now = now
        self._most = most
        self._recent: OrderedDict[DecisionId, tuple[RatedDecision, tuple[Backend, ...]]] = (
            OrderedDict()
        )

    def __len__(self) -> int:
        return len(self._recent)

    def find(self, decision: DecisionId) -> RatedDecision | None:
        """The decision, if it is one of the latest."""
        found = self._recent.get(decision)
        return None if found is None else _named(*found)

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        """Remember it."""
        self._inner.decided(request, decision, seconds)
        key = KeyName(request.key.name if request.key is not None else "")
        model = decision.chosen.name
        decided = RatedDecision(key, decision.policy, model, (), self._now())
        self._recent[decision.id] = (decided, decision.servable)
        if len(self._recent) > self._most:
            self._recent.popitem(last=False)

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        """Another model answers."""
        self._inner.fell_back(request, decision)
        self._model_changed(decision)

    def joined(self, request: Request, decision: RouteDecision) -> None:
        """Another request's model answers."""
        self._inner.joined(request, decision)
        self._model_changed(decision)

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        """Another model may answer."""
        self._inner.cascaded(request, decision, result)
        self._model_changed(decision)

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Of no interest here: what has finished may still be asked for."""
        self._inner.finished(request, decision, outcome)

    def _model_changed(self, decision: RouteDecision) -> None:
        found = self._recent.get(decision.id)
        if found is not None:
            self._recent[decision.id] = (replace(found[0], model=decision.chosen.name), found[1])


def _named(decided: RatedDecision, servable: tuple[Backend, ...]) -> RatedDecision:
    names = dict.fromkeys([*(backend.name for backend in servable), decided.model])
    return replace(decided, candidates=tuple(names))
