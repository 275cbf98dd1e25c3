"""knn, cluster, mf, sw_ranking, ensemble and qualities, against their definitions told naively."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize

from support.heads import COLUMNS, head_arrays, rows
from weir_scorer.engine.routers import (
    ROUTERS,
    BadHead,
    Ensemble,
    Head,
    Length,
    Linear,
    Member,
    Qualities,
)

Arrays = Mapping[str, NDArray[np.generic]]
Doubles = NDArray[np.float64]


def doubles(arrays: Arrays, name: str) -> Doubles:
    return np.asarray(arrays[name], dtype=np.float64)


def logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def in_space(arrays: Arrays, row: Doubles) -> Doubles:
    return (row - doubles(arrays, "mean")) @ doubles(arrays, "project")


def table(arrays: Arrays, name: str) -> Doubles:
    return doubles(arrays, name) * doubles(arrays, f"{name}_scale")


def knn(arrays: Arrays, row: Doubles) -> float:
    squared = ((table(arrays, "prototypes") - in_space(arrays, row)) ** 2).sum(axis=1)
    near = np.argsort(squared)[: int(arrays["neighbours"])]
    pull = np.exp(-squared[near] / squared[near].mean()) * doubles(arrays, "weights")[near]
    return logistic(float(pull @ doubles(arrays, "needs")[near] / pull.sum()))


def memberships(arrays: Arrays, row: Doubles) -> Doubles:
    squared = ((table(arrays, "centres") - in_space(arrays, row)) ** 2).sum(axis=1)
    pull = np.exp(-float(arrays["sharpness"]) * squared)
    return np.asarray(pull / pull.sum())


def cluster(arrays: Arrays, row: Doubles) -> float:
    return logistic(float(memberships(arrays, row) @ doubles(arrays, "needs")))


def mf(arrays: Arrays, row: Doubles) -> float:
    hidden, output = in_space(arrays, row), doubles(arrays, "output")
    strong, weak = (float(output @ (doubles(arrays, tier) * hidden)) for tier in ("strong", "weak"))
    return logistic(float(arrays["slope"]) * (strong - weak) + float(arrays["bias"]))


def sw_ranking(arrays: Arrays, row: Doubles) -> float:
    """RouteLLM's regression over all battles, each twice, by a general optimiser."""
    battles, here = table(arrays, "battles"), in_space(arrays, row)
    likeness = battles @ here / np.linalg.norm(battles, axis=1) / np.linalg.norm(here)
    weights = 10 * 10 ** (likeness / likeness.max())
    first, second = arrays["first"].astype(int), arrays["second"].astype(int)
    wins = doubles(arrays, "wins")

    def loss(ratings: Doubles) -> float:
        gap = np.log(10) * (ratings[first] - ratings[second])
        both = wins * np.logaddexp(0, -gap) + (1 - wins) * np.logaddexp(0, gap)
        return float(2 * weights @ both + ratings @ ratings / 2)

    start = np.zeros(int(arrays["tiers"]))
    rated = optimize.minimize(loss, start, method="BFGS", options={"gtol": 1e-7}).x
    gap = np.log(10) * (rated[int(arrays["strong"][0])] - rated[int(arrays["weak"][0])])
    return logistic(float(arrays["slope"]) * float(gap) + float(arrays["bias"]))


DEFINITIONS: Mapping[str, Callable[[Arrays, Doubles], float]] = {
    "knn": knn,
    "cluster": cluster,
    "mf": mf,
    "sw_ranking": sw_ranking,
}


@pytest.mark.parametrize("kind", DEFINITIONS)
@pytest.mark.parametrize("seed", range(5))
def test_a_head_scores_as_it_is_defined(kind: str, seed: int) -> None:
    arrays, asked = head_arrays(kind, seed), rows(8, seed)
    told = [DEFINITIONS[kind](arrays, row.astype(np.float64)) for row in asked]
    assert ROUTERS[kind](arrays).scores(asked) == pytest.approx(told, abs=1e-4)


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_row_s_score_does_not_hang_on_its_neighbours(kind: str) -> None:
    head, asked = ROUTERS[kind](head_arrays(kind)), rows(9)
    alone = np.concatenate([head.scores(row[None]) for row in asked])
    assert head.scores(asked) == pytest.approx(alone, abs=1e-5)
    assert head.scores(asked[:0]).shape == (0,)


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_scores_stay_within_bounds_far_from_all_that_was_learnt(kind: str) -> None:
    scores = ROUTERS[kind](head_arrays(kind)).scores(rows(4) * np.float32(1e6))
    assert np.all(np.isfinite(scores))
    assert np.all((scores >= 0) & (scores <= 1))


def harms(arrays: Arrays) -> dict[str, Arrays]:
    """Every array in turn: gone, one entry short, not finite, of another type."""
    found: dict[str, Arrays] = {}
    for name, array in arrays.items():
        found[f"no {name}"] = {key: value for key, value in arrays.items() if key != name}
        found[f"{name} as text"] = {**arrays, name: np.full(array.shape, "a")}
        if array.ndim and name not in {"strong", "weak", "models"}:
            found[f"short {name}"] = {**arrays, name: array[:-1]}
        if array.dtype.kind == "f":
            bad = np.full_like(array, np.nan)
            found[f"NaN in {name}"] = {**arrays, name: bad}
    return found


@pytest.mark.parametrize("kind", [*DEFINITIONS, "qualities"])
def test_a_harmed_head_is_refused(kind: str) -> None:
    make = Qualities if kind == "qualities" else ROUTERS[kind]
    for arrays in harms(head_arrays(kind)).values():
        with pytest.raises(BadHead):
            make(arrays)


def test_qualities_are_a_level_a_slope_and_an_offset_per_cluster() -> None:
    arrays, asked = head_arrays("qualities"), rows(6)
    told = [
        [
            logistic(
                float(
                    model[0]
                    + model[1] * (doubles(arrays, "difficulty") @ row - 0.25)
                    + model[2:] @ memberships(arrays, row)
                )
            )
            for model in doubles(arrays, "models")
        ]
        for row in asked.astype(np.float64)
    ]
    assert Qualities(arrays).quality(asked) == pytest.approx(np.array(told), abs=1e-4)


def linear() -> Linear:
    one = np.ones(COLUMNS, np.float32)
    nothing = {"quality_weights": np.zeros((COLUMNS, 0), "f4"), "quality_bias": np.zeros(0, "f4")}
    return Linear({"mean": 0 * one, "scale": one, "weights": one, "bias": one[0], **nothing})


def members() -> list[Member]:
    ranked = Length({"knots": np.linspace(-2, 2, 9, dtype=np.float32)})
    heads: list[tuple[Head, NDArray[np.intp]]] = [
        (linear(), np.arange(COLUMNS)),
        (ranked, np.array([3])),
    ]
    return [Member(head, columns) for head, columns in heads]


def test_an_ensemble_weighs_its_members_scores() -> None:
    arrays = {"weights": np.array([2, -1], "f4"), "bias": np.array(0.5, "f4")}
    asked = rows(5)
    one, other = (m.head.scores(asked[:, m.columns]) for m in members())
    told = 1 / (1 + np.exp(-(2 * one - other + 0.5)))
    assert Ensemble(arrays, members(), COLUMNS).scores(asked) == pytest.approx(told, abs=1e-6)


def test_an_ensemble_wants_a_weight_for_every_member_and_one_member_at_least() -> None:
    arrays = {"weights": np.array([2], "f4"), "bias": np.array(0.5, "f4")}
    with pytest.raises(BadHead, match="1 weights for 2 members"):
        Ensemble(arrays, members(), COLUMNS)
    with pytest.raises(BadHead, match="none are named"):
        Ensemble(arrays, [], COLUMNS)
