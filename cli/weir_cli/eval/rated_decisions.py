"""A ledger's decisions by score with clients' ratings, as arrays; the file is read only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_cli.failure import Failure
from weir_cli.ledger.database import open_ledger
from weir_gateway.adapters.ledger.sqlite import FEEDBACK, TABLE
from weir_gateway.domain.decision import Reason
from weir_gateway.domain.money import PICO_PER_USD
from weir_lab.arrays import Doubles

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RatedDecisions:
    """One policy's decisions by score, all of one length; not every one of them is rated."""

    policy: str
    weak: str  # the models' names
    strong: str
    routers: tuple[str, ...]  # that scored, with their bundles: `linear of default@1234`
    left_out: Mapping[str, int]  # decisions of the policy that take no part, by why
    chose_strong: BoolArray
    explored: BoolArray
    propensity: Doubles
    score: Doubles
    threshold: Doubles
    cost: Doubles  # USD
    rating: Doubles  # [0,1]; NaN without a rating
    weight: Doubles  # of the rating; 1 without one
    texts: tuple[str | None, ...]  # the prompts, where the gateway stored them

    def __len__(self) -> int:
        return len(self.score)

    def only(self, keep: BoolArray) -> "RatedDecisions":
        """The decisions that are marked."""
        rows = np.flatnonzero(keep)
        return RatedDecisions(
            self.policy,
            self.weak,
            self.strong,
            self.routers,
            self.left_out,
            self.chose_strong[rows],
            self.explored[rows],
            self.propensity[rows],
            self.score[rows],
            self.threshold[rows],
            self.cost[rows],
            self.rating[rows],
            self.weight[rows],
            tuple(self.texts[row] for row in rows),
        )


@dataclass(frozen=True, slots=True)
class _Row:
    policy: str
    backend: str
    model: str
    candidates: str
    reason: str
    score: float | None
    threshold: float | None
    router: str
    bundle: str
    propensity: float
    explored: int
    paid: int
    text: str | None
    rating: float | None
    preferred: str | None
    weight: float | None

    @property
    def score_of_client(self) -> float:
        """[0,1]; NaN without a rating."""
        if self.preferred:
            return float(self.preferred == self.model)
        return np.nan if self.rating is None else self.rating


def read_rated(path: Path, policy: str | None, since: int) -> RatedDecisions:
    """Decisions that ended at `since` (microseconds since 1970) or later.

    Raises Failure where the file is no such ledger, or holds several policies and none is named.
    """
    rows = _of_policy(_rows(path, since), policy)
    by_score, left_out = _by_score(rows)
    if not by_score:
        why = ", ".join(f"{count} {name}" for name, count in left_out.items())
        raise Failure(
            f"No decision of {rows[0].policy} was made by score.", hint=f"There are {why}."
        )
    pair = Counter(row.candidates for row in by_score).most_common(1)[0][0]
    same = [row for row in by_score if row.candidates == pair]
    if len(same) < len(by_score):
        left_out["between other candidates"] = len(by_score) - len(same)
    return _arrays(same, left_out)


def _rows(path: Path, since: int) -> list[_Row]:
    with open_ledger(path) as (database, _):
        return [_Row(*row) for row in database.execute(_QUERY, (since,))]


_QUERY = (
    "SELECT policy, backend, model, candidates, reason, score, threshold, router, bundle, "  # noqa: S608 - the names are ours
    "propensity, explored, paid_pico_usd, text, rating, preferred, weight "
    f"FROM {TABLE} LEFT JOIN {FEEDBACK} USING (decision, key) WHERE part = 0 AND {TABLE}.at >= ? "
    f"ORDER BY {TABLE}.at, decision"
)


def _of_policy(rows: Sequence[_Row], policy: str | None) -> list[_Row]:
    found = Counter(row.policy for row in rows)
    if not found:
        raise Failure("The ledger has no decisions in that time.")
    chosen = [name for name in found if policy in {None, name, name.partition("/")[2]}]
    if len(chosen) != 1:
        problem = f"There is no policy {policy}." if policy else "The ledger has several policies."
        raise Failure(problem, hint=f"--policy, one of: {', '.join(sorted(found))}")
    return [row for row in rows if row.policy == chosen[0]]


def _by_score(rows: Sequence[_Row]) -> tuple[list[_Row], dict[str, int]]:
    left_out: Counter[str] = Counter()
    by_score: list[_Row] = []
    for row in rows:
        why = _why_not(row)
        if why:
            left_out[why] += 1
        else:
            by_score.append(row)
    return by_score, dict(left_out.most_common())


def _why_not(row: _Row) -> str:
    if row.reason != Reason.SCORED:
        return f"by {row.reason}"
    if row.score is None or row.threshold is None:
        return "without a threshold"
    if row.backend not in _ends(row.candidates):
        return "from before candidates were kept" if not row.candidates else "between others"
    return ""


def _ends(candidates: str) -> tuple[str, ...]:
    ids = candidates.split(",")
    return (ids[0], ids[-1]) if len(ids) > 1 else ()


def _arrays(rows: Sequence[_Row], left_out: Mapping[str, int]) -> RatedDecisions:
    weak, strong = _ends(rows[0].candidates)
    return RatedDecisions(
        policy=rows[0].policy,
        weak=weak.rpartition("/")[2],
        strong=strong.rpartition("/")[2],
        routers=tuple(dict.fromkeys(f"{row.router} of {row.bundle}" for row in rows)),
        left_out=left_out,
        chose_strong=np.array([row.backend == strong for row in rows]),
        explored=np.array([bool(row.explored) for row in rows]),
        propensity=np.array([row.propensity for row in rows], dtype=np.float64),
        score=np.array([row.score for row in rows], dtype=np.float64),
        threshold=np.array([row.threshold for row in rows], dtype=np.float64),
        cost=np.array([row.paid / PICO_PER_USD for row in rows], dtype=np.float64),
        rating=np.array([row.score_of_client for row in rows], dtype=np.float64),
        weight=np.array([row.weight or 1.0 for row in rows], dtype=np.float64),
        texts=tuple(row.text for row in rows),
    )
