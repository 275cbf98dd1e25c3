"""How well failure is seen coming in recorded runs: ours beside length, task, model and Switchyard.

Every figure is an AUROC for the run's failure within a model and harness, so that no score gains
by telling the models apart; the model's name alone is shown for what pooling would gain.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from weir_agents.facts import AgentFacts
from weir_agents.scores import PRIOR, finish_score, stage_score
from weir_agents.weights import AgentWeights, Head
from weir_lab.agents.fit import SERVICE_EXTRA, WORK_EXTRA, Examples, left_out_scores
from weir_lab.agents.runs import AgentRun
from weir_lab.agents.switchyard import switchyard_score
from weir_lab.arrays import Doubles
from weir_lab.metrics.auroc import StratifiedAuroc, auroc
from weir_lab.metrics.bootstrap import Interval, bootstrap

FORMAT: Final = 1
WHOLE: Final = None  # the finished run
STEPS: Final = (3, 5, 10, WHOLE)
_LEAST_RUNS: Final = 30  # of a model, for a row of its own
_LEAST_FAILED: Final = 8
_LEAST_TO_FIT: Final = 60
LENGTH, TASK, SWITCHYARD, PRIOR_NAME = "run length", "task length", "Switchyard's idea", "prior"
FITTED: Final = "fitted here"  # each run scored by a fit that saw no run of its task
GIVEN: Final = "weights"
_Value = TypeVar("_Value")
_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One group of runs at one step."""

    source: str
    model: str  # "all" for all models, each within itself
    turns: int | None  # answered so far; None: the whole run
    runs: int
    failed: float  # share
    figures: Mapping[str, Interval]  # AUROC by score
    name_alone: float  # AUROC of the model's name, over all; NaN for one model


@dataclass(frozen=True, slots=True)
class AgentReport:
    """All groups of a file."""

    data: str
    rows: tuple[AgentRow, ...]
    meaning: str  # of the figures, in a sentence


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """How to measure."""

    weights: AgentWeights | None = None
    fit: bool = True
    repeats: int = 1000
    seed: int = 0


def evaluate_runs(
    runs: Sequence[AgentRun], options: AgentOptions, say: Callable[[str], None]
) -> tuple[AgentRow, ...]:
    """A row for each source and step, and for each model with runs enough."""
    return tuple(_rows(runs, options, say))


def _rows(
    runs: Sequence[AgentRun], options: AgentOptions, say: Callable[[str], None]
) -> Iterator[AgentRow]:
    for source, part in _by(runs, lambda run: (run.source, kind_of(run))).items():
        for turns in STEPS:
            going = [run for run in part if turns is None or len(run) > turns]
            if not _enough(going):
                continue
            say(f"{source[0]}, {'whole runs' if turns is WHOLE else f'{turns} turns'}")
            scores = _scores(going, turns, options)
            yield _row(going, turns, scores, options)
            models: dict[str, list[int]] = {}
            for n, run in enumerate(going):
                models.setdefault(run.model, []).append(n)
            for places in models.values():
                if len(models) > 1 and _enough([going[n] for n in places]):
                    yield _row(
                        [going[n] for n in places],
                        turns,
                        {name: each.only(places) for name, each in scores.items()},
                        options,
                    )


def kind_of(run: AgentRun) -> str:
    """The harness's family: agents on the same tools are compared within one source."""
    return run.harness if run.source.startswith("swe") else ""


@dataclass(frozen=True, slots=True)
class _Score:
    values: Doubles
    folds: Doubles  # a fit's scores are compared within a split only

    def only(self, places: Sequence[int]) -> "_Score":
        rows = np.array(places)
        return _Score(self.values[rows], self.folds[rows])


def _scores(
    runs: Sequence[AgentRun], turns: int | None, options: AgentOptions
) -> dict[str, _Score]:
    facts = [run.facts(turns) for run in runs]
    plain: dict[str, list[float]] = {
        PRIOR_NAME: [score_of(PRIOR, each, turns) for each in facts],
        LENGTH: [
            float(len(run) if turns is WHOLE else each.turns)
            for run, each in zip(runs, facts, strict=True)
        ],
        TASK: [float(run.task_chars) for run in runs],
        SWITCHYARD: [switchyard_score(run, turns) for run in runs],
    }
    if options.weights is not None:
        given = options.weights
        plain[GIVEN] = [score_of(given, each, turns) for each in facts]
    none = np.zeros(len(runs))
    scores = {name: _Score(np.array(values), none) for name, values in plain.items()}
    if options.fit and len(runs) >= _LEAST_TO_FIT:
        found = left_out_scores(
            examples_of(runs, facts), *fit_basis(facts, turns), seed=options.seed
        )
        scores[FITTED] = _Score(found.scores, found.folds.astype(np.float64))
    return scores


def score_of(weights: AgentWeights, facts: AgentFacts, turns: int | None) -> float:
    """What a gateway with these weights says at a step."""
    return finish_score(facts, weights) if turns is WHOLE else stage_score(facts, weights)


def examples_of(runs: Sequence[AgentRun], facts: Sequence[AgentFacts]) -> Examples:
    """Runs as examples."""
    failed = np.array([float(run.failed) for run in runs])
    return Examples(tuple(facts), failed, tuple(run.task for run in runs))


def fit_basis(facts: Sequence[AgentFacts], turns: int | None) -> tuple[Head, tuple[str, ...]]:
    """The prior's head for most of the runs, and the features that a fit may add."""
    service = sum(PRIOR.heads(each) is PRIOR.service for each in facts)
    heads, extra = (
        (PRIOR.service, SERVICE_EXTRA) if 2 * service > len(facts) else (PRIOR.work, WORK_EXTRA)
    )
    return (heads.finish if turns is WHOLE else heads.stage), extra


def _row(
    runs: Sequence[AgentRun],
    turns: int | None,
    scores: Mapping[str, _Score],
    options: AgentOptions,
) -> AgentRow:
    failed = np.array([float(run.failed) for run in runs])
    models = Counter(run.model for run in runs)
    return AgentRow(
        source=runs[0].source,
        model=runs[0].model if len(models) == 1 else "all",
        turns=turns,
        runs=len(runs),
        failed=float(failed.mean()),
        figures={name: _figure(each, runs, failed, options) for name, each in scores.items()},
        name_alone=_name_alone(runs, failed) if len(models) > 1 else float("nan"),
    )


def _figure(
    score: _Score, runs: Sequence[AgentRun], failed: Doubles, options: AgentOptions
) -> Interval:
    strata = [(run.model, run.harness, fold) for run, fold in zip(runs, score.folds, strict=True)]
    measured = StratifiedAuroc(score.values, failed, strata)
    tasks = {task: n for n, task in enumerate(dict.fromkeys(run.task for run in runs))}
    task_of = np.array([tasks[run.task] for run in runs])
    (found,) = bootstrap(
        lambda weights: (measured(weights[task_of]),),
        len(tasks),
        repeats=options.repeats,
        seed=options.seed,
    )
    return found


def _name_alone(runs: Sequence[AgentRun], failed: Doubles) -> float:
    shares: dict[str, list[float]] = defaultdict(list)
    for run, value in zip(runs, failed, strict=True):
        shares[run.model].append(float(value))
    return auroc(np.array([float(np.mean(shares[run.model])) for run in runs]), failed)


def _enough(runs: Sequence[AgentRun]) -> bool:
    failed = sum(run.failed for run in runs)
    return len(runs) >= _LEAST_RUNS and min(failed, len(runs) - failed) >= _LEAST_FAILED


def _by(values: Sequence[_Value], key: Callable[[_Value], _Key]) -> dict[_Key, list[_Value]]:
    groups: dict[_Key, list[_Value]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups
