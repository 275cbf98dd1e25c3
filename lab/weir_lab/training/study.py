"""How much labels are worth: adapt to some of a labelled set, judge on the rest, several draws.

The table of docs/evaluation.md; `python -m weir_lab.training` prints it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from weir_lab.datasets import Pair
from weir_lab.metrics import Ranked, apgr, decile_curve
from weir_lab.metrics.ranked import Floats
from weir_lab.training.adapt import adapt
from weir_lab.training.columns import Columns
from weir_scorer.engine.routers import Kernel


@dataclass(frozen=True, slots=True)
class Worth:
    """APGR on the rest of the set, over the draws; `least_gain` is of the unluckiest draw."""

    labels: int
    draws: int
    before: float
    after: float
    deviation: float
    least_gain: float


def worth(columns: Columns, pair: Pair, labels: int, draws: int) -> Worth:
    """Adapt to `labels` prompts drawn at random, `draws` times; the draws are seeded."""
    found = [_draw(columns, pair, labels, seed) for seed in range(draws)]
    before = np.array([one for one, _ in found])
    after = np.array([other for _, other in found])
    return Worth(
        labels=labels,
        draws=draws,
        before=float(before.mean()),
        after=float(after.mean()),
        deviation=float(after.std()),
        least_gain=float((after - before).min()),
    )


def _draw(columns: Columns, pair: Pair, labels: int, seed: int) -> tuple[float, float]:
    order = np.random.default_rng([labels, seed]).permutation(len(pair))
    known = np.zeros(len(pair), dtype=np.bool_)
    known[order[:labels]] = True
    adapted = adapt(_rows(columns, known), pair.only(known), seed)
    # Judged by the very head that would be served.
    raw = columns.rows[~known] * columns.head["scale"] + columns.head["mean"]
    after = Kernel(adapted.arrays).scores(raw.astype(np.float32)).astype(np.float64)
    rest = pair.only(~known)
    return _apgr(columns.prior[~known], rest), _apgr(after, rest)


def _rows(columns: Columns, which: NDArray[np.bool_]) -> Columns:
    return replace(columns, rows=columns.rows[which], prior=columns.prior[which])


def _apgr(scores: Floats, pair: Pair) -> float:
    return apgr(decile_curve(Ranked.of(scores, pair.weak, pair.strong)))


def table(rows: Sequence[Worth]) -> str:
    """Markdown."""
    head = "| labels | before | adapted | deviation over draws | worst draw's gain |"
    return f"{head}\n|---|---|---|---|---|\n" + "".join(
        f"| {row.labels} | {row.before:.3f} | {row.after:.3f} | {row.deviation:.3f} "
        f"| {row.least_gain:+.3f} |\n"
        for row in rows
    )
