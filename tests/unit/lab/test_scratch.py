"""Training from labels alone: what labels say, what is fitted, and that what is served is that."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from support.bundles import tiny_bundle
from weir_lab.arrays import Doubles
from weir_lab.bundles.row_cache import CHUNK, read_cached
from weir_lab.bundles.write_bundle import (
    DataCard,
    TrainedRouters,
    block_widths,
    read_cached_columns,
    write_trained_bundle,
)
from weir_lab.datasets import Outcomes
from weir_lab.datasets.battles import Battles, Winner
from weir_lab.errors import NothingToRoute, TooFew
from weir_lab.routers.familiarity import UNKNOWN
from weir_lab.routers.from_labels import is_held_out, train_linear, train_router
from weir_lab.routers.ratings import ratings
from weir_lab.routers.regression import ALPHAS, best_ridge
from weir_lab.routers.targets import from_battles, from_outcomes, together
from weir_scorer.bundle.bundle import Bundle

WORDS = ("what", "is", "the", "sum", "of", "two", "prove", "theorem", "hi")
STORY = DataCard("tickets", 0, ("d: small < large",), (), "No evaluation set was named.")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def outcomes(size: int, seed: int = 0) -> Outcomes:
    """What asks for a proof is hard for the small models, mostly."""
    rng = np.random.default_rng(seed)
    asked = [" ".join(rng.choice(WORDS, 6)) + f" {k}?" for k in range(size)]
    hard = np.array(["prove" in prompt for prompt in asked])
    small = (rng.random(size) > np.where(hard, 0.9, 0.1)).astype(np.float64)
    large = (rng.random(size) > 0.05).astype(np.float64)
    quality = np.stack([large, small], axis=1)
    return Outcomes(
        prompts=tuple(asked),
        models=("large", "small"),
        quality=quality,
        cost=np.full_like(quality, np.nan),
        tokens=np.full_like(quality, np.nan),
        sources=("d",) * size,
        categories=("",) * size,
    )


def test_the_weakest_third_is_held_against_the_strongest() -> None:
    known = outcomes(300)
    names = ("a", "b", "c", "d", "e", "f")
    steps = np.linspace(0.1, 0.9, 6)
    quality = (np.random.default_rng(0).random((300, 6)) < steps).astype(np.float64)
    found = from_outcomes(replace(known, models=names, quality=quality), None, None)
    assert found.models == ("d: a, b < e, f",)
    assert found.weak.tolist() == quality[:, :2].mean(axis=1).tolist()
    assert found.strong.tolist() == quality[:, 4:].mean(axis=1).tolist()
    named = from_outcomes(replace(known, models=names, quality=quality), "c", "d")
    assert named.weak.tolist() == quality[:, 2].tolist()
    with pytest.raises(NothingToRoute, match="no outcomes of model 'x'; there are a, b"):
        from_outcomes(replace(known, models=names, quality=quality), "x", "d")


def test_outcomes_that_cannot_be_learnt_from() -> None:
    known = outcomes(300)
    one = replace(known, models=("large",), quality=known.quality[:, :1])
    with pytest.raises(NothingToRoute, match="no two models"):
        from_outcomes(one, None, None)
    with pytest.raises(NothingToRoute, match="score the same on all 300"):
        from_outcomes(replace(known, quality=np.ones((300, 2))), None, None)
    apart = np.where(np.arange(300)[:, None] < 150, [[1, np.nan]], [[np.nan, 1]])
    with pytest.raises(NothingToRoute, match="no two models"):
        from_outcomes(replace(known, quality=apart), None, None)


def test_ratings_are_those_the_battles_were_drawn_from() -> None:
    rng = np.random.default_rng(0)
    true = np.array([-1.0, 0.0, 1.0])
    first, second = rng.integers(3, size=30_000), rng.integers(3, size=30_000)
    apart = first != second
    first, second = first[apart], second[apart]
    chance = 1 / (1 + np.exp(true[second] - true[first]))
    won = (rng.random(len(first)) < chance).astype(np.float64)
    assert ratings(first, second, won, 3) == pytest.approx(true, abs=0.06)


def test_a_battle_counts_by_what_was_not_to_be_expected() -> None:
    sides = [("large", "small", Winner.A)] * 90 + [("small", "large", Winner.A)] * 10
    sides += [("large", "small", Winner.TIE)] * 20 + [("large", "small", Winner.NOT_A)] * 5
    found = from_battles(
        Battles(
            tuple(f"p{k}" for k in range(len(sides))),
            tuple(a for a, _, _ in sides),
            tuple(b for _, b, _ in sides),
            tuple(winner for _, _, winner in sides),
        )
    )
    assert len(found) == 120
    # The larger one is better rated: its wins are strong ones, whichever side it stood on.
    assert found.strong.tolist() == [1.0] * 90 + [0.0] * 10 + [0.5] * 20
    assert found.target[0] > found.target[110] > found.target[95]
    assert found.notes == ("5 battles do not say whether they were lost or drawn: left out",)
    assert len(together([found, found])) == 240


def solved(matrix: Doubles, right: Doubles) -> Doubles:
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def test_ridge_leaves_each_row_out_exactly() -> None:
    rng = np.random.default_rng(4)
    columns, true = rng.normal(size=(60, 8)), rng.normal(size=8)
    target = columns @ true + 5 * rng.normal(size=60)
    weights, alpha = best_ridge(columns, target)
    centred = columns - columns.mean(axis=0)
    direct = solved(centred.T @ centred + alpha * np.eye(8), centred.T @ (target - target.mean()))
    assert weights == pytest.approx(direct)

    def error(strength: float) -> float:
        missed = 0.0
        for k in range(60):
            others = np.arange(60) != k
            # Centred on all, as the fit is; the row itself has no say in the weights.
            x, y = centred[others], (target - target.mean())[others]
            shift, level = x.mean(axis=0), y.mean()
            inner = (x - shift).T @ (x - shift) + strength * np.eye(8)
            fit = solved(inner, (x - shift).T @ (y - level))
            missed += float((target[k] - target.mean() - level - (centred[k] - shift) @ fit) ** 2)
        return missed

    assert error(alpha) == min(error(strength) for strength in ALPHAS)
    assert ALPHAS[0] < alpha < ALPHAS[-1]
    noise, strong = best_ridge(columns, rng.normal(size=60))
    assert strong > alpha
    assert np.abs(noise).max() < 0.1


def test_what_is_served_is_what_was_trained(tmp_path: Path, bundle: Path) -> None:
    known = outcomes(1500)
    needs = from_outcomes(known, None, None)
    raw = read_cached_columns(bundle, "linear", known.prompts, tmp_path / "kept", lambda _: None)
    trained = train_linear(raw, (raw.shape[1],), known.prompts, needs, known)
    assert trained.apgr > trained.length_apgr + 0.1
    assert trained.train + trained.held_out == 1500
    assert trained.ece < 0.1
    assert trained.profiles == ("large", "small")
    near = {
        kind: train_router(kind, raw, block_widths(bundle, "linear"), known.prompts, needs)
        for kind in ("knn", "cluster")
    }
    routers = TrainedRouters(known.prompts, trained, near)
    version = write_trained_bundle(bundle, tmp_path / "new", "linear", routers, STORY)
    assert version.startswith("trained@")
    with Bundle.open(tmp_path / "new", devices=["cpu"]) as opened:
        assert opened.default_router == "linear"
        assert opened.routers == ("random", "length", "linear", "knn", "cluster")
        for kind, found in near.items():
            assert found.apgr > 0.5  # a tiny encoder of random weights knows little of nearness
            scored = opened.score(known.prompts, kind).scores
            assert scored == pytest.approx(found.scores, abs=1e-4)
        served = opened.score(known.prompts, want_quality=True)
        assert served.known is not None
        assert np.mean(served.known < UNKNOWN) < 0.1
        assert served.scores == pytest.approx(trained.scores, abs=1e-4)
        lengths = opened.score(["hi", "what is the sum of two theorems " * 9], "length").scores
        assert lengths.tolist() == [0, 1]
        assert "1500" not in opened.card  # it tells the two parts
        assert f"{trained.held_out} judge" in opened.card
    assert served.quality is not None
    small = served.quality[:, 1].astype(np.float64)
    assert np.corrcoef(small, known.quality[:, 1])[0, 1] > 0.3


def test_the_same_data_give_the_same_bytes_in_any_order(tmp_path: Path, bundle: Path) -> None:
    known = outcomes(400)
    needs = from_outcomes(known, None, None)
    versions: list[str] = []
    for name in ("one", "two"):
        raw = read_cached_columns(bundle, "linear", known.prompts, tmp_path / name, lambda _: None)
        trained = train_linear(raw, (raw.shape[1],), known.prompts, needs, known)
        routers = TrainedRouters(known.prompts, trained, {})
        versions.append(
            write_trained_bundle(bundle, tmp_path / f"{name}-b", "linear", routers, STORY)
        )
    assert versions[0] == versions[1]
    sides = [is_held_out(prompt, 0) for prompt in known.prompts]
    assert 0.1 < np.mean(sides) < 0.3
    assert [is_held_out(prompt.upper(), 0) for prompt in known.prompts] == sides


def test_few_labels_are_sent_to_a_prior(bundle: Path, tmp_path: Path) -> None:
    known = outcomes(199)
    raw = read_cached_columns(bundle, "linear", known.prompts, tmp_path / "kept", lambda _: None)
    with pytest.raises(TooFew, match=r"199 labelled prompts.*200.*--from"):
        train_linear(raw, (raw.shape[1],), known.prompts, from_outcomes(known, None, None), known)


def test_an_interrupted_reading_goes_on(tmp_path: Path) -> None:
    prompts = [f"prompt {k}" for k in range(3 * CHUNK)]
    calls: list[str] = []

    def read(chunk: Sequence[str]) -> NDArray[np.float32]:
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(chunk[0])
        return np.array([[float(text.split()[1])] for text in chunk], dtype=np.float32)

    with pytest.raises(KeyboardInterrupt):
        read_cached(tmp_path, "encoder 1", prompts, read)
    calls[:] = calls[:1]  # what follows may read two more
    (cut,) = sorted(tmp_path.glob("*.npy"), key=lambda file: file.stat().st_mtime_ns)[1:]
    cut.write_bytes(cut.read_bytes()[:200])  # as a machine that died would leave it
    calls.clear()
    reread: list[str] = []

    def again(chunk: Sequence[str]) -> NDArray[np.float32]:
        reread.append(chunk[0])
        return np.array([[float(text.split()[1])] for text in chunk], dtype=np.float32)

    rows = read_cached(tmp_path, "encoder 1", prompts, again)
    assert rows[:, 0].tolist() == list(range(3 * CHUNK))
    assert reread == [prompts[CHUNK], prompts[2 * CHUNK]]
    read_cached(tmp_path, "another", prompts, again)
    assert len(reread) == 5
