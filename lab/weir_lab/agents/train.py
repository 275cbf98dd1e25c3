"""Fits agents' weights for one harness, and compares them with the prior and the run's length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weir_agents.scores import finish_score
from weir_agents.weights import AgentWeights, Heads
from weir_lab.agents.evaluate import WHOLE, fit_basis
from weir_lab.agents.fit import (
    Examples,
    choose_ridge,
    fit_head,
    left_out_scores,
    recalibrated,
)
from weir_lab.arrays import Doubles
from weir_lab.errors import TooFew
from weir_lab.metrics.auroc import StratifiedAuroc
from weir_lab.metrics.bootstrap import Interval, bootstrap

LEAST: Final = 50  # runs
LEAST_EACH: Final = 10  # failed, and not failed
STAGE_TURNS: Final = 10  # a run that goes on is learned from as it was then


@dataclass(frozen=True, slots=True)
class Labelled:
    """Runs of one harness with their outcomes."""

    harness: str  # as AgentFacts names it, or as the file does
    models: tuple[str, ...]  # of each run
    finished: Examples  # the facts of the whole run
    going: Examples  # and of those that were still going after STAGE_TURNS


@dataclass(frozen=True, slots=True)
class Trained:
    """The weights, and what left-out tasks say of them."""

    weights: AgentWeights
    runs: int
    failed: float  # share
    auroc: Interval  # of the fit, each run scored without its task
    prior: Interval
    length: Interval
    over_prior: Interval  # difference in AUROC
    over_length: Interval

    @property
    def improved(self) -> bool:
        """Whether the fit is shown to be better than the prior and than the run's length."""
        return self.over_prior.low > 0 and self.over_length.low > 0


def train_weights(labelled: Labelled, date: str, *, seed: int, repeats: int) -> Trained:
    """Fit both heads. Raises TooFew.

    Where the fit ranks no better than the prior, the prior's weights stay with a bias of their own.
    """
    finished = labelled.finished
    _require(finished.failed)
    left_out = left_out_scores(finished, *fit_basis(finished.facts, WHOLE), seed=seed)
    strata = list(zip(labelled.models, left_out.folds.tolist(), strict=True))
    scores = (
        left_out.scores,
        np.array([finish_score(each) for each in finished.facts]),
        np.array([float(each.turns) for each in finished.facts]),
    )
    fit, prior, length, over_prior, over_length = _compare(finished, scores, strata, seed, repeats)
    better = over_prior.value > 0
    heads = _heads(labelled, fitted=better, seed=seed)
    weights = AgentWeights(
        harness=labelled.harness,
        work=heads,
        service=heads,
        models=tuple(sorted(set(labelled.models))),
        date=date,
        figures={
            "runs": float(len(finished)),
            "failed": round(float(finished.failed.mean()), 4),
            "auroc": round((fit if better else prior).value, 4),
            "priorAuroc": round(prior.value, 4),
            "lengthAuroc": round(length.value, 4),
            "improved": float(over_prior.low > 0 and over_length.low > 0),
        },
    )
    failed = float(finished.failed.mean())
    return Trained(weights, len(finished), failed, fit, prior, length, over_prior, over_length)


def _heads(labelled: Labelled, *, fitted: bool, seed: int) -> Heads:
    finished, going = labelled.finished, labelled.going
    basis, extra = fit_basis(finished.facts, WHOLE)
    if fitted:
        finish = fit_head(finished, basis, extra, choose_ridge(finished, basis, extra, seed))
    else:
        finish = recalibrated(finished, basis)
    # Before the end fits found nothing in recorded runs: the stage keeps the prior's weights.
    enough = going if len(going) >= LEAST else finished
    stage, _ = fit_basis(enough.facts, STAGE_TURNS)
    return Heads(stage=recalibrated(enough, stage), finish=finish)


def _compare(
    examples: Examples,
    scores: Sequence[Doubles],
    strata: Sequence[tuple[str, int]],
    seed: int,
    repeats: int,
) -> tuple[Interval, ...]:
    """The three scores' figures, and by how much the first is above the others."""
    measured = [StratifiedAuroc(each, examples.failed, strata) for each in scores]
    tasks = {task: n for n, task in enumerate(dict.fromkeys(examples.tasks))}
    task_of = np.array([tasks[task] for task in examples.tasks])

    def figures(weights: Doubles) -> list[float]:
        fit, *others = (each(weights[task_of]) for each in measured)
        return [fit, *others, *(fit - other for other in others)]

    return bootstrap(figures, len(tasks), repeats=repeats, seed=seed)


def _require(failed: Doubles) -> None:
    if len(failed) < LEAST or _each(failed) < LEAST_EACH:
        raise TooFew(
            f"{len(failed)} runs, {int(failed.sum())} of them failed: at least {LEAST} runs are "
            f"needed, {LEAST_EACH} of them failed and {LEAST_EACH} solved"
        )


def _each(failed: Doubles) -> int:
    return int(min(failed.sum(), len(failed) - failed.sum()))
