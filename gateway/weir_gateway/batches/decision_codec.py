"""A decision as text, for the hours that a provider's batch takes and for a restart in between.

Backends are kept by id: prices and addresses are those of the table in force when it is read.
"""

from dataclasses import replace

import msgspec

from weir_gateway.domain.budget import Room
from weir_gateway.domain.decision import Reason, RouteDecision, Scored
from weir_gateway.domain.ids import (
    BackendId,
    BundleVersion,
    DecisionId,
    PolicyId,
    RouterName,
    TableVersion,
)
from weir_gateway.domain.limits import UNLIMITED, Admission
from weir_gateway.domain.money import discounted
from weir_gateway.domain.table import Backend, RouteTable
from weir_gateway.domain.variant import Assigned


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
    admission: Admission = UNLIMITED
    propensity: float = 1.0
    explored: bool = False
    batch: str = ""
    servable: tuple[str, ...] = ()
    variant: Assigned | None = None
    room: Room | None = None
    intended: "_StoredDecision | None" = None


_DECODER = msgspec.json.Decoder(_StoredDecision)


def encode(decision: RouteDecision) -> str:
    """What must be known of it when its answer comes."""
    return msgspec.json.encode(_stored(decision)).decode()


def decode(text: str, table: RouteTable) -> RouteDecision | None:
    """The decision, at the prices of batches; None where the table lacks its backend now."""
    return _decision(_DECODER.decode(text), table)


def at_batch_price(backend: Backend) -> Backend:
    """The backend, charging what its provider asks for batches."""
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
        admission=decision.admission,
        propensity=decision.propensity,
        explored=decision.explored,
        batch=decision.batch,
        servable=tuple(backend.id for backend in decision.servable),
        variant=decision.variant,
        room=decision.room,
        intended=_stored(decision.intended) if decision.intended is not None else None,
    )


def _decision(kept: _StoredDecision, table: RouteTable) -> RouteDecision | None:
    chosen = table.backends.get(BackendId(kept.chosen))
    if chosen is None:
        return None
    baseline = table.backends.get(BackendId(kept.baseline), chosen)
    scored = None
    if kept.score is not None:
        scored = Scored(kept.score, {}, BundleVersion(kept.bundle), RouterName(kept.router))
    return RouteDecision(
        id=DecisionId(kept.id),
        policy=PolicyId(kept.policy),
        chosen=at_batch_price(chosen),
        baseline=at_batch_price(baseline),  # what is saved must not be the discount's doing
        reason=Reason(kept.reason),
        table=TableVersion(kept.table),
        detail=kept.detail,
        scored=scored,
        threshold=kept.threshold,
        admission=kept.admission,
        propensity=kept.propensity,
        explored=kept.explored,
        batch=kept.batch,
        servable=_those_of(kept.servable, table),
        variant=kept.variant,
        room=kept.room,
        intended=_decision(kept.intended, table) if kept.intended is not None else None,
    )


def _those_of(ids: tuple[str, ...], table: RouteTable) -> tuple[Backend, ...]:
    found = (table.backends.get(BackendId(one)) for one in ids)
    return tuple(backend for backend in found if backend is not None)
