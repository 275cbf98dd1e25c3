"""Feedback in the ledger's file: a row per key and decision, a batch in one transaction.

Blocking: for a thread, never for the event loop.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from weir_gateway.adapters.ledger.entry import Rating
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, TABLE, opened
from weir_gateway.domain.errors import BadRequest, DecisionTooOld, NoSuchDecision, WeirError
from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.outcome import AcceptedFeedback, Feedback, RatedDecision
from weir_policy.ids import ModelName, PolicyId

MICROS: Final = 1_000_000
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class PendingFeedback:
    """Feedback as it waits to be kept."""

    feedback: Feedback
    key: KeyName
    weight: float
    at: float  # seconds since 1970
    decided: RatedDecision | None  # None: the file must know the decision


class SqliteFeedback:
    """The file."""

    def __init__(self, path: Path, *, within: float, content: bool) -> None:
        """Decisions of the last `within` seconds may be rated; `content` keeps comments."""
        self._path = path
        self._within = within
        self._content = content

    def keep(self, batch: Sequence[PendingFeedback]) -> list[AcceptedFeedback | WeirError]:
        """Keep each, or say why not, in their order. Raises LedgerError; then none is kept."""
        with opened(self._path) as database, database:
            database.execute("BEGIN IMMEDIATE")
            return [self._keep(database, given) for given in batch]

    def _keep(
        self, database: sqlite3.Connection, given: PendingFeedback
    ) -> AcceptedFeedback | WeirError:
        feedback = given.feedback
        decided = given.decided or _find(database, given)
        if decided is None or decided.key != given.key:
            return no_such_decision(feedback)
        if given.at - decided.at > self._within:
            days = self._within / DAY
            return DecisionTooOld(f"feedback is taken for {days:g} days after a decision")
        if feedback.preferred is not None and feedback.preferred not in decided.candidates:
            names = ", ".join(decided.candidates)
            return BadRequest(f"preferred must be one of: {names}", param="preferred")
        replaced = database.execute(_EXISTS, (feedback.decision, given.key)).fetchone() is not None
        row = Rating(
            decision=feedback.decision,
            key=given.key,
            at=int(given.at * MICROS),
            rating=feedback.score,
            preferred=feedback.preferred or "",
            weight=given.weight,
            comment=feedback.comment or None if self._content else None,
        )
        database.execute(_REPLACE, [getattr(row, name) for name in _NAMES])
        return AcceptedFeedback(decided, replaced)


def no_such_decision(feedback: Feedback) -> NoSuchDecision:
    """The one answer for ids that are unknown and for those of other keys."""
    return NoSuchDecision(
        f"no decision {feedback.decision} of yours is known here: write the x-weir-decision of "
        "one of your answers; if a stream is still running, give it after its end",
        param="decision",
    )


def _find(database: sqlite3.Connection, given: PendingFeedback) -> RatedDecision | None:
    row = database.execute(_DECISION, (given.feedback.decision,)).fetchone()
    if row is None:
        return None
    key, policy, model, baseline, candidates, at = row
    others = [str(id_).rpartition("/")[2] for id_ in str(candidates).split(",") if id_]
    names = dict.fromkeys([*others, str(model), str(baseline)])
    return RatedDecision(
        KeyName(key), PolicyId(policy), ModelName(model), tuple(map(ModelName, names)), at / MICROS
    )


_NAMES: Final = tuple(field.name for field in fields(Rating))
_DECISION: Final = (
    f"SELECT key, policy, model, baseline, candidates, at FROM {TABLE} "  # noqa: S608 - the names are ours
    "WHERE decision = ? AND part = 0"
)
_EXISTS: Final = f"SELECT 1 FROM {FEEDBACK} WHERE decision = ? AND key = ?"  # noqa: S608 - the name is ours
_REPLACE: Final = (
    f"INSERT OR REPLACE INTO {FEEDBACK} ({', '.join(_NAMES)}) "  # noqa: S608 - the names are ours
    f"VALUES ({', '.join('?' * len(_NAMES))})"
)
