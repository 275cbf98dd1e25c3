"""A weak and a strong model's scores on the same prompts: what a threshold routes between.

A file's form: `prompt, strong_score, weak_score[, domain, contaminated, dup_of_earlier]`, one row
a prompt; rows marked contaminated are dropped, as RouteLLM's evaluation drops them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.datasets import checks
from weir_lab.datasets.outcomes import Outcomes
from weir_lab.datasets.tables import Table
from weir_lab.errors import NothingToRoute

REQUIRED = ("prompt", "strong_score", "weak_score")


@dataclass(frozen=True, slots=True)
class Pair:
    """Scores in [0, 1] and costs in USD an answer (NaN: unknown), all of one length."""

    prompts: tuple[str, ...]
    weak_name: str
    strong_name: str
    weak: NDArray[np.float64]
    strong: NDArray[np.float64]
    weak_cost: NDArray[np.float64]
    strong_cost: NDArray[np.float64]
    sources: tuple[str, ...]
    categories: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.prompts)

    def only(self, keep: NDArray[np.bool_], note: str | None = None) -> "Pair":
        """The prompts that are marked."""
        rows = np.flatnonzero(keep)
        return Pair(
            prompts=tuple(self.prompts[i] for i in rows),
            weak_name=self.weak_name,
            strong_name=self.strong_name,
            weak=self.weak[rows],
            strong=self.strong[rows],
            weak_cost=self.weak_cost[rows],
            strong_cost=self.strong_cost[rows],
            sources=tuple(self.sources[i] for i in rows),
            categories=tuple(self.categories[i] for i in rows),
            notes=self.notes if note is None else (*self.notes, note),
        )


def parse_pair(table: Table) -> Pair:
    """Check a table of one row a prompt. Raises DataError naming row and column."""
    checks.require(table, REQUIRED, "paired scores")
    pair = Pair(
        prompts=checks.texts(table, "prompt"),
        weak_name="weak",
        strong_name="strong",
        weak=checks.unit_interval(table, "weak_score"),
        strong=checks.unit_interval(table, "strong_score"),
        weak_cost=checks.amounts(table, "weak_cost"),
        strong_cost=checks.amounts(table, "strong_cost"),
        sources=checks.labels(table, "source", table.path.stem),
        categories=checks.labels(table, "domain", ""),
    )
    dropped = checks.flags(table, "contaminated")
    if dropped.any():
        pair = pair.only(~dropped, f"{int(dropped.sum())} prompts marked contaminated are left out")
    return checked(pair)


def choose_pair(outcomes: Outcomes, weak: str | None = None, strong: str | None = None) -> Pair:
    """Two of the models on the prompts that both answered.

    Unnamed, the strong one is the best on its own prompts and the weak one the cheapest of the
    others; where costs are not known, the worst of them. Raises NothingToRoute.
    """
    if len(outcomes.models) < 2:  # noqa: PLR2004 - a pair is two
        raise NothingToRoute(
            f"the outcomes know one model only ({', '.join(outcomes.models)}); routing needs two"
        )
    best = _column(outcomes, strong) if strong else int(np.argmax(_means(outcomes.quality)))
    worst = _column(outcomes, weak) if weak else _cheapest(outcomes, best)
    both = np.isfinite(outcomes.quality[:, worst] + outcomes.quality[:, best])
    if best == worst or not both.any():
        raise NothingToRoute(
            f"{outcomes.models[worst]!r} and {outcomes.models[best]!r} share no prompt to compare"
        )
    pair = Pair(
        prompts=outcomes.prompts,
        weak_name=outcomes.models[worst],
        strong_name=outcomes.models[best],
        weak=outcomes.quality[:, worst],
        strong=outcomes.quality[:, best],
        weak_cost=outcomes.cost[:, worst],
        strong_cost=outcomes.cost[:, best],
        sources=outcomes.sources,
        categories=outcomes.categories,
        notes=outcomes.notes,
    )
    lost = int((~both).sum())
    note = f"{lost} prompts that only one of the two models answered are left out" if lost else None
    return checked(pair.only(both, note))


def checked(pair: Pair) -> Pair:
    """The pair, if there is anything to route between. Raises NothingToRoute."""
    if not len(pair):
        raise NothingToRoute("no prompt is left after the contaminated ones were dropped")
    if np.array_equal(pair.weak, pair.strong):
        raise NothingToRoute(
            f"{pair.weak_name!r} and {pair.strong_name!r} score the same on all {len(pair)} "
            "prompts: every choice between them is as good as any other"
        )
    if pair.strong.mean() <= pair.weak.mean():
        raise NothingToRoute(
            f"the strong model {pair.strong_name!r} (mean {pair.strong.mean():.3f}) is not better "
            f"than the weak one {pair.weak_name!r} ({pair.weak.mean():.3f}): name them the other "
            "way round, or always call the cheaper one"
        )
    return pair


def _column(outcomes: Outcomes, name: str) -> int:
    if name not in outcomes.models:
        raise NothingToRoute(
            f"no outcomes of model {name!r}; there are {', '.join(outcomes.models)}"
        )
    return outcomes.models.index(name)


def _cheapest(outcomes: Outcomes, best: int) -> int:
    costs = _means(outcomes.cost)
    ranked = costs if np.isfinite(costs).all() else _means(outcomes.quality)
    ranked = ranked.copy()
    ranked[best] = np.inf
    return int(np.argmin(ranked))


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    means = np.full(values.shape[1], np.nan)
    sums = np.where(known, values, 0.0).sum(axis=0)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
