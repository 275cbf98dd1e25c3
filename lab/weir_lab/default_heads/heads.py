"""The task that a variant's routers are trained on, and their curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Arrays, Doubles, Flags, Floats
from weir_lab.default_heads.data import Outcomes, Preferences
from weir_lab.default_heads.groups import Labels, balanced
from weir_lab.errors import Backwards
from weir_lab.routers.regression import level_shift, within_group_slope
from weir_lab.routers.task import Battles, Task, from_outcomes, together
from weir_scorer.engine.routers import ROUTERS, Ensemble, Member

PER_SOURCE = 8000  # battles drawn from each source's outcomes
_WINS = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "not_model_a": 0.5}
_EDGE = 1e-6
_PEOPLE = -1  # the pool of battles that people judged


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Outcomes and their labels, and the battles that people judged."""

    outcomes: Outcomes
    labels: Labels
    people: Preferences


def task(
    columns: tuple[Floats, Floats],
    widths: tuple[int, ...],
    data: TrainingData,
    usable: Flags,
    seed: int,
) -> Task:
    """The routers' training task.

    `columns` are those of the outcomes' prompts and of the people's; `usable` marks the outcomes'
    prompts to train on.
    """
    outcomes, labels, people = data.outcomes, data.labels, data.people
    every = np.concatenate(columns)
    need, weights = np.full(len(every), np.nan), np.ones(len(every))
    chosen = usable[labels.rows]
    rows = labels.rows[chosen]
    need[rows], weights[rows] = labels.target[chosen], balanced(outcomes.source[rows])
    known = np.flatnonzero(usable)
    groups = np.unique(outcomes.source, return_inverse=True)[1][known].astype(np.intp)
    drawn = from_outcomes(outcomes.scores, known, groups, PER_SOURCE, seed)
    names = sorted({name for row in people.battles for name in row[1:3]} - set(outcomes.models))
    place = {name: index for index, name in enumerate([*outcomes.models, *names])}
    fought = _people(people, place, len(outcomes.prompts))
    # The battles that people judged are left out: on sources left out, `mf` and `sw_ranking` are
    # better without them. For `sw_ranking` they count "the first did not win" as ties and rank
    # prompts backwards. Their models still count, because the seeded start depends on the number.
    whole = Task(every, widths, need, weights, together([drawn, fought]), len(place), seed)
    return whole.without(~whole.labelled)


def ensemble_of(arrays: Arrays, members: Mapping[str, Arrays], width: int) -> Ensemble:
    """An ensemble whose members all read the same columns."""
    every = np.arange(width)
    return Ensemble(
        arrays, [Member(ROUTERS[name](head), every) for name, head in members.items()], width
    )


def curve_of(scores: Floats, wins: Doubles, source: NDArray[np.str_]) -> tuple[float, float]:
    """Slope and intercept that turn a head's logits into the strong model's win rate.

    The slope is fitted within sources, each with its own level: across sources the level depends on
    the recorded models and can contradict the order within them. Raises Backwards where the head
    ranks prompts the wrong way round.
    """
    safe = np.clip(scores.astype(np.float64), _EDGE, 1 - _EDGE)
    logits = np.log(safe / (1 - safe))
    slope = within_group_slope(logits, wins, source)
    if slope <= 0:
        raise Backwards(f"the router's slope on held-out prompts is {slope:.4f}")
    return slope, level_shift(slope * logits, wins, balanced(source))


def stacked(scores: Sequence[Floats]) -> Doubles:
    """The members' scores as columns."""
    return np.stack(scores, axis=1).astype(np.float64)


def _people(people: Preferences, place: Mapping[str, int], before: int) -> Battles:
    rows = people.battles
    return Battles(
        np.array([before + row[0] for row in rows], np.intp),
        np.array([place[row[1]] for row in rows], np.intp),
        np.array([place[row[2]] for row in rows], np.intp),
        np.array([_WINS[row[3]] for row in rows]),
        np.array([row[3] == "not_model_a" for row in rows], np.bool_),
        np.full(len(rows), _PEOPLE, np.intp),
    )
