"""What many candidates are worth: quality less price over all of them, beside lots and a pair.

`python -m weir_lab.many_candidates --data FOLDER` prints the table of docs/candidates.md. Models
join the bundle by probes of the train split, and are judged on the prompts of the dev split.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles, Flags
from weir_lab.bundles.columns import read_columns
from weir_lab.bundles.extend_bundle import qualities_of
from weir_lab.datasets.parquet import read_columns as read_parquet
from weir_lab.errors import LabError
from weir_lab.metrics.bootstrap import Interval, bootstrap
from weir_lab.metrics.frontier import aiq, hull
from weir_lab.routers.qualities import facts_of, join, population_of, predicted
from weir_scorer.bundle.bundle import Bundle

SOURCE: Final = "routerbench"  # the one whose answers have their cost recorded
WORTHS: Final = np.concatenate([[0.0], np.geomspace(1e-4, 10.0, 60)])  # USD of a quality of 1
SHARES: Final = 41  # thresholds of the pair
STEP: Final = 1e-9  # least difference of two costs


Indexes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Every model's answer to every prompt; cost in USD."""

    prompts: tuple[str, ...]
    train: Flags  # [prompts]
    models: tuple[str, ...]
    quality: Doubles  # [prompts, models] in [0,1]
    cost: Doubles  # [prompts, models]


@dataclass(frozen=True, slots=True)
class Row:
    """The area under quality over cost with so many candidates, above lots between them."""

    candidates: int
    lots: float  # the area by drawing lots between the models on the hull
    value: Interval  # of quality less price, minus `lots`
    pair: Interval  # of the cheapest and the best of them by score, minus `lots`


def load(folder: Path) -> Recorded:
    """The prompts that every model answered. Raises LabError where there are none."""
    listed = read_parquet(folder / "outcome_prompts.parquet")[0]
    columns = [
        cast("list[str]", listed[name]) for name in ("prompt_id", "source", "prompt", "split")
    ]
    rows = {
        key: (text, split)
        for key, source, text, split in zip(*columns, strict=True)
        if source == SOURCE
    }
    table = read_parquet(folder / "outcomes.parquet")[0]
    names = ("prompt_id", "model_norm", "score", "cost_usd")
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for key, model, score, cost in zip(*(table[name] for name in names), strict=True):
        if key in rows and cost is not None and np.isfinite(cost):
            found.setdefault(str(key), {})[str(model)] = (float(score), float(cost))
    models = sorted({model for answers in found.values() for model in answers})
    whole = [key for key, answers in found.items() if len(answers) == len(models)]
    if not whole:
        raise LabError(f"{folder} has no prompts of {SOURCE} with costs")
    cells = np.array([[found[key][model] for model in models] for key in whole])
    return Recorded(
        prompts=tuple(rows[key][0] for key in whole),
        train=np.array([rows[key][1] == "train" for key in whole]),
        models=tuple(models),
        quality=cells[:, :, 0],
        cost=cells[:, :, 1],
    )


def measure(recorded: Recorded, qualities: Doubles, scores: Doubles, count: int) -> Row:
    """The areas with the `count` models that the train split would choose first.

    `qualities` are predicted [dev prompts, models]; `scores` are the router's, for the pair.
    """
    chosen = _first(recorded, count)
    dev = ~recorded.train
    quality, cost = recorded.quality[dev][:, chosen], recorded.cost[dev][:, chosen]
    price = _means(recorded.cost[recorded.train][:, chosen])
    able = _means(recorded.quality[recorded.train][:, chosen])
    answers = [
        _outcomes(choices, quality, cost)
        for choices in (
            [_all(model, len(scores)) for model in range(count)],
            [_by_value(qualities[:, chosen], price, float(worth)) for worth in WORTHS],
            _by_score(scores, int(price.argmin()), int(able.argmax())),
        )
    ]

    def statistic(weights: Doubles) -> Sequence[float]:
        share = weights / weights.sum()
        points = [(costs @ share, gained @ share) for costs, gained in answers]
        end = max(float(costs.max()) for costs, _ in points)
        areas = [aiq(costs, gained, end) for costs, gained in points]
        return areas[0], areas[1] - areas[0], areas[2] - areas[0]

    base, value, pair = bootstrap(statistic, int(dev.sum()))
    return Row(count, base.value, value, pair)


def _by_value(qualities: Doubles, price: Doubles, worth: float) -> Indexes:
    """The model whose quality is worth most after its price; of equal ones the first."""
    after = worth * qualities - price - STEP * np.arange(len(price))
    return np.asarray(after.argmax(axis=1), dtype=np.intp)


def _by_score(scores: Doubles, weak: int, strong: int) -> list[Indexes]:
    """Every threshold's choices between two."""
    limits = [*np.quantile(scores, np.linspace(0, 1, SHARES)).tolist(), np.inf]
    return [np.where(scores >= limit, strong, weak).astype(np.intp) for limit in limits]


def _all(model: int, prompts: int) -> Indexes:
    return np.full(prompts, model, dtype=np.intp)


def _means(values: Doubles) -> Doubles:
    return np.asarray(values.mean(axis=0), dtype=np.float64)


def _first(recorded: Recorded, count: int) -> Indexes:
    """Models on the train split's hull first, from its ends inwards; then the best of the rest."""
    cost, quality = _means(recorded.cost[recorded.train]), _means(recorded.quality[recorded.train])
    on_hull = [int(np.flatnonzero(cost == x)[0]) for x in hull(cost, quality)[0].tolist()]
    ends = [on_hull[0], *on_hull[:0:-1]]
    rest = [model for model in np.argsort(-quality).tolist() if model not in ends]
    return np.array([*ends, *rest][:count], dtype=np.intp)


def _outcomes(
    choices: Sequence[Indexes], quality: Doubles, cost: Doubles
) -> tuple[Doubles, Doubles]:
    """Cost and quality [settings, prompts] of what each setting chooses."""
    picked = np.stack(choices)[:, :, None]
    return (
        np.take_along_axis(cost[None], picked, axis=2)[:, :, 0],
        np.take_along_axis(quality[None], picked, axis=2)[:, :, 0],
    )


def predictions(bundle: Path, recorded: Recorded, probes: int) -> tuple[Doubles, Doubles]:
    """Predicted qualities and the router's scores of the dev prompts, by probes of the others."""
    found = qualities_of(bundle, "linear")
    if found is None:
        raise LabError(f"{bundle} predicts no qualities")
    with Bundle.open(bundle, devices=["cpu"]) as opened:
        columns = read_columns(bundle, opened, "linear", recorded.prompts)
    raw = columns.rows * columns.head["scale"] + columns.head["mean"]
    facts, population = facts_of(found[1], raw.astype(np.float32)), population_of(found[1])
    order = np.random.default_rng(0).permutation(np.flatnonzero(recorded.train))[:probes]
    rows = [
        join(facts[order], recorded.quality[order, m], population)
        for m in range(len(recorded.models))
    ]
    dev = ~recorded.train
    return np.stack([predicted(facts[dev], row) for row in rows], axis=1), columns.prior[dev]


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    columns = ("lots between them", "quality less price", "the cheapest and the best by score")
    return f"| candidates | {' | '.join(columns)} |\n|---|---|---|---|\n" + "".join(
        f"| {row.candidates} | {row.lots:.3f} | {_signed(row.value)} | {_signed(row.pair)} |\n"
        for row in rows
    )


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"


def main() -> int:
    """Print the table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m weir_lab.many_candidates", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path(".cache/bundle"))
    parser.add_argument("--data", type=Path, required=True, help="a folder of recorded outcomes")
    parser.add_argument("--probes", type=int, default=300)
    parser.add_argument("--candidates", type=int, nargs="+", default=[2, 3, 5, 10])
    options = parser.parse_args()
    recorded = load(options.data)
    qualities, scores = predictions(options.bundle, recorded, options.probes)
    sys.stdout.write(table([measure(recorded, qualities, scores, k) for k in options.candidates]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
