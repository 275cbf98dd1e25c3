"""A finish gate replayed on recorded tasks: real outcomes and costs, a score of a known AUROC.

No public record has the turns of a weak coding model, so its score is drawn: normal, with the mean
of failed runs as far from the others' as the AUROC says. The strong model's outcome and cost on a
task that is handed on are its recorded ones, as of a restart; the weak run is paid for as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from weir_agents.gate_value import GateEstimate, gate_pays
from weir_lab.arrays import Doubles
from weir_lab.datasets.parquet import read_columns
from weir_lab.errors import DataError
from weir_lab.metrics.bootstrap import Interval, bootstrap

COLUMNS: Final = ("task_id", "harness", "model", "resolved", "cost_usd")
_LEAST_TASKS: Final = 30
_REPEATS: Final = 500
_Outcomes = dict[str, tuple[float, float]]  # solved and USD, by task


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models on the same tasks."""

    weak: str
    strong: str
    weak_solved: Doubles
    strong_solved: Doubles
    weak_cost: Doubles  # USD
    strong_cost: Doubles


@dataclass(frozen=True, slots=True)
class GateReplay:
    """One pair at one AUROC."""

    weak: str
    strong: str
    tasks: int
    weak_rate: float
    strong_rate: float
    either_rate: float  # of tasks that any of the two solves
    weak_cost: float  # USD a task
    strong_cost: float
    auroc: float
    saved: Interval  # share of the strong model's cost, at its rate
    rate_at_cost: Interval  # the most solved at no more than the strong model's cost
    estimate: GateEstimate  # what gate_pays says beforehand


def load_pair_of_tasks(path: Path, weak: str, strong: str, harness: str) -> Pair:
    """The two models' recorded tasks. Raises DataError."""
    columns, count = read_columns(path)
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise DataError(f"{path}: no column {missing[0]}: not a file of agents' tasks")
    found: tuple[_Outcomes, _Outcomes] = ({}, {})
    for n in range(count):
        row: Mapping[str, Any] = {name: columns[name][n] for name in COLUMNS}
        if row["harness"] == harness and row["model"] in {weak, strong}:
            cost = row["cost_usd"]
            value = (float(row["resolved"]), np.nan if cost is None else float(cost))
            outcomes = found[1] if row["model"] == strong else found[0]
            outcomes.setdefault(str(row["task_id"]), value)
    tasks = [
        task
        for task, (_, cost) in found[0].items()
        if task in found[1] and np.isfinite([cost, found[1][task][1]]).all()
    ]
    if len(tasks) < _LEAST_TASKS:
        raise DataError(
            f"{path}: {weak} and {strong} share {len(tasks)} tasks with costs in {harness}; "
            f"{_LEAST_TASKS} are needed"
        )
    weak_runs, strong_runs = (np.array([part[task] for task in tasks]) for part in found)
    return Pair(
        weak, strong, weak_runs[:, 0], strong_runs[:, 0], weak_runs[:, 1], strong_runs[:, 1]
    )


def replay_gate(pair: Pair, auroc: float, *, seed: int, repeats: int = _REPEATS) -> GateReplay:
    """What the gate saves, over drawn scores and drawn tasks together."""
    count = len(pair.weak_solved)
    drawn = np.random.default_rng(seed)
    apart = NormalDist().inv_cdf(auroc) * np.sqrt(2)

    def figures(weights: Doubles) -> Sequence[float]:
        rows = np.repeat(np.arange(count), weights.astype(int))
        score = drawn.normal(size=len(rows)) + apart * (1 - pair.weak_solved[rows])
        return _bars(pair, rows, np.argsort(-score))

    saved, rate = bootstrap(figures, count, repeats=repeats, seed=seed)
    # One drawn score is no figure: the middle is the mean over draws on the tasks as they are.
    means = np.mean([figures(np.ones(count)) for _ in range(_REPEATS // 5)], axis=0)
    return GateReplay(
        weak=pair.weak,
        strong=pair.strong,
        tasks=count,
        weak_rate=float(pair.weak_solved.mean()),
        strong_rate=float(pair.strong_solved.mean()),
        either_rate=float(np.maximum(pair.weak_solved, pair.strong_solved).mean()),
        weak_cost=float(pair.weak_cost.mean()),
        strong_cost=float(pair.strong_cost.mean()),
        auroc=auroc,
        saved=Interval(float(means[0]), saved.low, saved.high),
        rate_at_cost=Interval(float(means[1]), rate.low, rate.high),
        estimate=gate_pays(
            _inside(pair.weak_solved),
            _inside(pair.strong_solved),
            float(pair.weak_cost.mean()),
            float(pair.strong_cost.mean()),
            auroc,
            count,
        ),
    )


def _bars(pair: Pair, rows: Any, order: Any) -> tuple[float, float]:
    """What is saved at the strong model's rate, and the best rate within its cost."""
    handed = rows[order]
    gain = np.cumsum(pair.strong_solved[handed] - pair.weak_solved[handed])
    spent = np.cumsum(pair.strong_cost[handed])
    rate = (pair.weak_solved[rows].sum() + np.r_[0.0, gain]) / len(rows)
    cost = (pair.weak_cost[rows].sum() + np.r_[0.0, spent]) / len(rows)
    alone = pair.strong_cost[rows].mean()
    reached = cost[rate >= pair.strong_solved[rows].mean() - 1e-9]
    within = rate[cost <= alone]
    return 1 - float(reached.min()) / float(alone), float(within.max()) if len(within) else 0.0


def _inside(solved: Doubles) -> float:
    return float(np.clip(solved.mean(), 0.01, 0.99))
