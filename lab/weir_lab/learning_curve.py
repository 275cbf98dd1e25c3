"""What labels are worth: adapt to some of a labelled set, judge on the rest, over several draws.

`python -m weir_lab.learning_curve` prints the table of docs/evaluation.md.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles
from weir_lab.bundles.columns import read_columns
from weir_lab.datasets import Pair, load_pair
from weir_lab.metrics import Ranked, apgr, decile_curve
from weir_lab.routers.kernel import adapt
from weir_lab.routers.task import Columns
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.engine.routers import Kernel


@dataclass(frozen=True, slots=True)
class LearningCurvePoint:
    """APGR on the rest of the set, over the draws; `least_gain` is of the unluckiest draw."""

    labels: int
    draws: int
    before: float
    after: float
    deviation: float
    least_gain: float


def curve_point(columns: Columns, pair: Pair, labels: int, draws: int) -> LearningCurvePoint:
    """Adapt to `labels` prompts drawn at random, `draws` times; the draws are seeded."""
    found = [_draw(columns, pair, labels, seed) for seed in range(draws)]
    before = np.array([one for one, _ in found])
    after = np.array([other for _, other in found])
    return LearningCurvePoint(
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


def _apgr(scores: Doubles, pair: Pair) -> float:
    return apgr(decile_curve(Ranked.of(scores, pair.weak, pair.strong)))


def table(rows: Sequence[LearningCurvePoint]) -> str:
    """Markdown."""
    head = "| labels | before | adapted | deviation over draws | worst draw's gain |"
    return f"{head}\n|---|---|---|---|---|\n" + "".join(
        f"| {row.labels} | {row.before:.3f} | {row.after:.3f} | {row.deviation:.3f} "
        f"| {row.least_gain:+.3f} |\n"
        for row in rows
    )


def main() -> int:
    """Print the table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m weir_lab.learning_curve", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path(".cache/bundle"))
    parser.add_argument("--data", type=Path, required=True, help="paired scores or outcomes")
    parser.add_argument("--router", default="linear")
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 300, 500, 1000, 1500])
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    pair = load_pair(options.data)
    with Bundle.open(options.bundle, devices=["cpu"]) as bundle:
        columns = read_columns(options.bundle, bundle, options.router, pair.prompts)
    rows = [curve_point(columns, pair, labels, options.draws) for labels in options.labels]
    sys.stdout.write(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
