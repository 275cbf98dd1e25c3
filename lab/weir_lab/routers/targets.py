"""Turns recorded outcomes and preferences into targets: each prompt's need for a strong model.

Both become one form: how well a weak and a strong model answered, and a number to learn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.datasets import Outcomes
from weir_lab.datasets.battles import Battles, Winner
from weir_lab.errors import NothingToRoute
from weir_lab.routers.ratings import ratings

_COVER = 0.95  # of a source's prompts: models that answered fewer cannot be compared there


@dataclass(frozen=True, slots=True)
class Targets:
    """One row a labelled prompt, or a battle; a prompt may have several rows."""

    prompts: tuple[str, ...]
    weak: Doubles  # [0, 1]
    strong: Doubles
    target: Doubles  # grows with the need; deviation 1 over the rows of one kind
    models: tuple[str, ...]  # the weak and the strong models, for the card
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.prompts)


def from_outcomes(outcomes: Outcomes, weak: str | None, strong: str | None) -> Targets:
    """In each source its weakest third of models against its strongest, or the two named.

    Raises NothingToRoute where no source has two models to compare, or they are all alike.
    """
    sources = np.array(outcomes.sources)
    rows: list[int] = []
    means: list[tuple[Doubles, Doubles]] = []
    pairs: list[str] = []
    notes = list(outcomes.notes)
    for source in sorted(set(outcomes.sources)):
        mine = np.flatnonzero(sources == source)
        groups = _groups(outcomes, outcomes.quality[mine], weak, strong)
        if groups is None:
            notes.append(f"source {source!r} has no two models with the same prompts: left out")
            continue
        scores = outcomes.quality[mine]
        one, other = scores[:, groups[0]].mean(axis=1), scores[:, groups[1]].mean(axis=1)
        both = np.isfinite(one + other)
        rows += mine[both].tolist()
        means.append((one[both], other[both]))
        pairs.append(f"{source}: {_named(outcomes, groups[0])} < {_named(outcomes, groups[1])}")
    if not rows:
        raise NothingToRoute(
            "the outcomes know no two models on the same prompts: routing needs two"
        )
    weaks, strongs = (np.concatenate(part) for part in zip(*means, strict=True))
    if np.array_equal(weaks, strongs):
        raise NothingToRoute(
            f"weak and strong models score the same on all {len(rows)} prompts: every choice "
            "between them is as good as any other"
        )
    return Targets(
        prompts=tuple(outcomes.prompts[row] for row in rows),
        weak=weaks,
        strong=strongs,
        target=_standard(strongs - weaks),
        models=tuple(pairs),
        notes=tuple(notes),
    )


def from_battles(battles: Battles) -> Targets:
    """The higher rated model's result less its expected one. Raises NothingToRoute.

    Battles that the record calls neither lost nor drawn (NOT_A) are left out.
    """
    known = [k for k, winner in enumerate(battles.winners) if winner is not Winner.NOT_A]
    if not known:
        raise NothingToRoute("no battle says who won")
    names = sorted({*battles.model_a, *battles.model_b})
    place = {name: k for k, name in enumerate(names)}
    first = np.array([place[battles.model_a[k]] for k in known])
    second = np.array([place[battles.model_b[k]] for k in known])
    points = {Winner.A: 1.0, Winner.TIE: 0.5, Winner.B: 0.0}
    result = np.array([points[battles.winners[k]] for k in known])
    rating = ratings(first, second, result, len(names))
    ahead = rating[first] - rating[second]
    result = np.where(ahead < 0, 1 - result, result)
    expected = 1 / (1 + np.exp(-np.abs(ahead)))
    if np.ptp(result) == 0:
        raise NothingToRoute("every battle ended alike: there is nothing to learn from them")
    lost = len(battles) - len(known)
    note = f"{lost} battles do not say whether they were lost or drawn: left out"
    return Targets(
        prompts=tuple(battles.prompts[k] for k in known),
        weak=1 - result,
        strong=result,
        target=_standard(result - expected),
        models=(f"{len(known)} battles of {len(names)} models, the higher rated one as strong",),
        notes=(note,) if lost else (),
    )


def together(parts: Sequence[Targets]) -> Targets:
    """Concatenate the rows of all `parts`."""
    return Targets(
        prompts=tuple(prompt for part in parts for prompt in part.prompts),
        weak=np.concatenate([part.weak for part in parts]),
        strong=np.concatenate([part.strong for part in parts]),
        target=np.concatenate([part.target for part in parts]),
        models=tuple(line for part in parts for line in part.models),
        notes=tuple(line for part in parts for line in part.notes),
    )


def _groups(
    outcomes: Outcomes, scores: Doubles, weak: str | None, strong: str | None
) -> tuple[list[int], list[int]] | None:
    known = np.isfinite(scores)
    means = np.where(known, scores, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    if weak and strong:
        for name in (weak, strong):
            if name not in outcomes.models:
                there = ", ".join(outcomes.models)
                raise NothingToRoute(f"no outcomes of model {name!r}; there are {there}")
        pair = outcomes.models.index(weak), outcomes.models.index(strong)
        return None if not (known[:, pair[0]] & known[:, pair[1]]).any() else ([pair[0]], [pair[1]])
    eligible = known.mean(axis=0) >= _COVER
    ranked = [int(model) for model in np.argsort(means, kind="stable") if eligible[model]]
    third = max(1, len(ranked) // 3)
    return None if len(ranked) < 2 else (ranked[:third], ranked[-third:])  # noqa: PLR2004 - two sides


def _named(outcomes: Outcomes, models: list[int]) -> str:
    return ", ".join(outcomes.models[model] for model in models)


def _standard(values: Doubles) -> Doubles:
    return (values - float(values.mean())) / max(float(values.std()), 1e-9)
