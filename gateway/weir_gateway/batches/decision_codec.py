"""Stores a decision as text for the hours that a provider's batch takes, and across restarts.

Backends are stored by id: prices and addresses come from the table that is current at reading.
Field names are part of the journal's format: entries of an older gateway must stay readable.
"""

from dataclasses import replace

import msgspec

from weir_gateway.domain.budget import BudgetReservation
from weir_gateway.domain.decision import AssignedVariant, Reason, RouteDecision, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId
from weir_gateway.domain.limits import UNLIMITED, Admission
from weir_gateway.domain.money import discounted
from weir_gateway.domain.table import Backend, RouteTable
from weir_policy.ids import BackendId, PolicyId, RouterName, TableVersion


class _StoredDecision(msgspec.Struct, omit_defaults=True):
    id: str
    policy: str
    chosen: str
    baseline: str
    reason: str
    table: str
    detail: str = ""
    score: float | None = None
    bundle: str = ""
    router: str = ""
    threshold: float | None = None
    known: float | None = None
    admission: Admission = UNLIMITED
    propensity: float = 1.0
    explored: bool = False
    target_share: float | None = None
    batch: str = ""
    servable: tuple[str, ...] = ()
    variant: AssignedVariant | None = None
    room: BudgetReservation | None = None
    intended: "_StoredDecision | None" = None


_DECODER = msgspec.json.Decoder(_StoredDecision)


def encode(decision: RouteDecision) -> str:
    """Encode what accounting needs once the answer arrives."""
    return msgspec.json.encode(_stored(decision)).decode()


def decode(text: str, table: RouteTable) -> RouteDecision | None:
    """Decode at batch prices; None where the table no longer has the backend."""
    return _decision(_DECODER.decode(text), table)


def at_batch_price(backend: Backend) -> Backend:
    """Return the backend with its provider's batch discount."""
    if backend.batches is None:
        return backend
    return replace(backend, price=discounted(backend.price, backend.batches.discount))


def _stored(decision: RouteDecision) -> _StoredDecision:
    scored = decision.scored
    return _StoredDecision(
        id=decision.id,
        policy=decision.policy,
        chosen=decision.chosen.id,
        baseline=decision.baseline.id,
        reason=decision.reason,
        table=decision.table,
        detail=decision.detail,
        score=scored.score if scored else None,
        bundle=scored.bundle if scored else "",
        router=scored.router if scored else "",
        threshold=decision.threshold,
        known=scored.known if scored else None,
        admission=decision.admission,
        propensity=decision.propensity,
        explored=decision.explored,
        target_share=decision.target_share,
        batch=decision.batch,
        servable=tuple(backend.id for backend in decision.servable),
        variant=decision.variant,
        room=decision.budget_reservation,
        intended=_stored(decision.intended) if decision.intended is not None else None,
    )


def _decision(stored: _StoredDecision, table: RouteTable) -> RouteDecision | None:
    chosen = table.backends.get(BackendId(stored.chosen))
    if chosen is None:
        return None
    baseline = table.backends.get(BackendId(stored.baseline), chosen)
    scored = None
    if stored.score is not None:
        bundle, router = BundleVersion(stored.bundle), RouterName(stored.router)
        scored = Scored(stored.score, {}, bundle, router, known=stored.known)
    return RouteDecision(
        id=DecisionId(stored.id),
        policy=PolicyId(stored.policy),
        chosen=at_batch_price(chosen),
        # Both at batch prices, so that the discount does not count as saved by routing.
        baseline=at_batch_price(baseline),
        reason=Reason(stored.reason),
        table=TableVersion(stored.table),
        detail=stored.detail,
        scored=scored,
        threshold=stored.threshold,
        admission=stored.admission,
        propensity=stored.propensity,
        explored=stored.explored,
        target_share=stored.target_share,
        batch=stored.batch,
        servable=_backends(stored.servable, table),
        variant=stored.variant,
        budget_reservation=stored.room,
        intended=_decision(stored.intended, table) if stored.intended is not None else None,
    )


def _backends(ids: tuple[str, ...], table: RouteTable) -> tuple[Backend, ...]:
    backends = (table.backends.get(BackendId(backend_id)) for backend_id in ids)
    return tuple(backend for backend in backends if backend is not None)
