"""Adapting a router to labels: the arithmetic, and that what is served is what was fitted."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from support.bundles import tiny_bundle
from weir_lab.arrays import Doubles
from weir_lab.bundles.columns import NotLinear, read_columns
from weir_lab.bundles.extend_bundle import Origin, write_adapted, write_profile
from weir_lab.datasets import Pair
from weir_lab.errors import TooFew
from weir_lab.learning_curve import curve_point, table
from weir_lab.metrics import Ranked, apgr, decile_curve, expected_calibration_error
from weir_lab.routers import kernel_regression
from weir_lab.routers.familiarity import UNKNOWN
from weir_lab.routers.kernel import adapt
from weir_lab.routers.kernel_regression import fit, squared_distances
from weir_lab.routers.profiles import NoProfiles, fit_profile
from weir_lab.routers.regression import platt
from weir_lab.routers.task import Columns
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.bundle.folder import Folder
from weir_scorer.engine.routers import Kernel

ORIGIN = Origin("linear", "tickets", "small", "large")
WORDS = ("what", "is", "the", "sum", "of", "two", "prove", "theorem", "hi")


def pair(size: int, seed: int = 0) -> Pair:
    """What asks for a proof is hard for the weak model, mostly; numbers make prompts distinct."""
    rng = np.random.default_rng(seed)
    asked = [" ".join(rng.choice(WORDS, 6)) + f" {k}?" for k in range(size)]
    hard = np.array(["prove" in prompt for prompt in asked])
    weak = (rng.random(size) > np.where(hard, 0.9, 0.1)).astype(np.float64)
    return Pair(
        prompts=tuple(asked),
        weak_name="small",
        strong_name="large",
        weak=weak,
        strong=(rng.random(size) > 0.05).astype(np.float64),
        weak_cost=np.full(size, np.nan),
        strong_cost=np.full(size, np.nan),
        sources=("d",) * size,
        categories=("",) * size,
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundles"))


def columns_of(path: Path, data: Pair) -> Columns:
    with Bundle.open(path, devices=["cpu"]) as opened:
        return read_columns(path, opened, "default", data.prompts)


def test_each_label_is_left_out_exactly_and_kernels_count_by_their_evidence() -> None:
    rng = np.random.default_rng(1)
    rows, labels = rng.normal(size=(40, 3)), rng.random(40)
    prior = rng.normal(size=40)
    prior = (prior - prior.mean()) / prior.std()
    found = fit(rows, prior, labels)
    for k in range(0, 40, 7):
        assert float(found.left_out[k]) == pytest.approx(_told_another_way(rows, prior, labels, k))


def _told_another_way(rows: Doubles, prior: Doubles, labels: Doubles, k: int) -> float:
    """Label k from the others: every Gaussian process by its density, then their average."""
    expected = kernel_regression.WORTH * labels.std() * prior
    centred = labels - labels.mean() - expected
    centring = np.eye(40) - 1 / 40
    others = np.arange(40) != k
    evidences: list[float] = []
    predictions: list[float] = []
    for width, weight, noise in product(
        kernel_regression.WIDTHS, kernel_regression.PRIORS, kernel_regression.NOISES
    ):
        kernel = np.exp(-width * squared_distances(rows, rows) / 2) + weight * np.outer(
            prior, prior
        )
        kernel = centring @ kernel @ centring
        noisy = kernel + noise * np.eye(40)
        if kernel_regression.WORTH * labels.std() + weight * prior @ inverse(noisy) @ centred < 0:
            continue
        scale = centred @ inverse(noisy) @ centred / 40
        # The exponent of the normal density is the same for all at their best scale.
        evidences.append(-float(np.linalg.slogdet(scale * noisy).logabsdet) / 2)
        inner = inverse(noisy[np.ix_(others, others)])
        pulled = kernel[k, others] @ inner @ centred[others]
        predictions.append(float(pulled + labels.mean() + expected[k]))
    shares = np.exp(np.array(evidences) - max(evidences))
    return float(shares @ np.array(predictions) / shares.sum())


def inverse(matrix: Doubles) -> Doubles:
    return np.linalg.inv(matrix).astype(np.float64)


def test_a_prior_that_the_labels_contradict_is_muted_and_not_turned_round() -> None:
    rng = np.random.default_rng(6)
    rows, prior = rng.normal(size=(200, 2)), rng.normal(size=200)
    prior = (prior - prior.mean()) / prior.std()
    contradicted = fit(rows, prior, -prior + rng.normal(size=200))
    assert 0 <= contradicted.slope < 0.1
    assert fit(rows, prior, prior + rng.normal(size=200)).slope > 0.3


def test_leaning_adds_the_prior_to_what_is_served_and_to_what_is_left_out() -> None:
    rng = np.random.default_rng(6)
    rows, prior = rng.normal(size=(60, 2)), rng.normal(size=60)
    prior = (prior - prior.mean()) / prior.std()
    found = fit(rows, prior, rows[:, 0] + rng.normal(size=60))
    more = found.with_more_prior(0.5, prior)
    assert more.slope == pytest.approx(found.slope + 0.5)
    np.testing.assert_allclose(more.left_out - found.left_out, 0.5 * prior)
    assert np.array_equal(more.duals, found.duals)


def test_few_labels_lean_on_the_prior_and_many_hardly() -> None:
    """Labels that are half noise: the fewer they are, the more a score follows the prior."""
    alike: list[float] = []
    for count in (60, 1000):
        rng = np.random.default_rng(7)
        rows, prior = rng.normal(size=(count, 3)), rng.normal(size=count)
        strong = (rows[:, 0] + rng.normal(size=count) > 0).astype(np.float64)
        labels = replace(pair(count), strong=strong, weak=np.full(count, 0.5))
        head = {
            "mean": np.zeros(3, np.float32),
            "scale": np.ones(3, np.float32),
            "weights": np.ones(3, np.float32),
            "bias": np.zeros((), np.float32),
            "quality_weights": np.zeros((3, 0), np.float32),
            "quality_bias": np.zeros(0, np.float32),
        }
        found = adapt(Columns("linear", rows, prior, (3,), head), labels)
        logits = np.log(found.scores / (1 - found.scores))
        alike.append(float(np.corrcoef(logits, prior)[0, 1]))
    assert alike[0] > 0.8
    assert alike[1] < 0.5


def test_distances_by_hand() -> None:
    found = squared_distances(np.array([[0.0, 0], [3, 4]]), np.array([[0.0, 0], [0, 1]]))
    assert found.tolist() == [[0, 1], [25, 18]]


def test_a_curved_function_is_learnt() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(300, 2))
    labels = (np.abs(rows[:, 0]) > 0.7).astype(np.float64)
    found = fit(rows, np.zeros(300), labels)
    assert np.corrcoef(found.left_out, labels)[0, 1] > 0.7


def test_platt_finds_the_curve_it_was_drawn_from() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(2, 3, 20_000)
    happened = (rng.random(20_000) < 1 / (1 + np.exp(-(0.8 * values - 1)))).astype(np.float64)
    assert platt(values, happened) == pytest.approx((0.8, -1), abs=0.08)


def test_platt_says_when_values_rank_backwards() -> None:
    values = np.arange(50.0)
    slope, _ = platt(values, (values < 25).astype(np.float64))
    assert slope < 0


def test_what_is_served_is_what_was_fitted(tmp_path: Path, bundle: Path) -> None:
    data = pair(200)
    columns = columns_of(bundle, data)
    adapted = adapt(columns, data)
    write_adapted(bundle, tmp_path / "new", "adapted", adapted, ORIGIN)
    fresh = pair(100, seed=9)
    with Bundle.open(tmp_path / "new", devices=["cpu"]) as opened:
        assert opened.default_router == "adapted"
        assert set(opened.routers) == {"random", "length", "linear", "adapted"}
        served = opened.score(fresh.prompts).scores
        quality = opened.score(fresh.prompts, want_quality=True).quality
    head = {name: array.astype(np.float64) for name, array in adapted.arrays.items()}
    rows = columns_of(bundle, fresh).rows
    near = squared_distances(rows * head["metric"], head["anchors"])
    pulls = np.exp(-near[:, :, None] * head["widths"] / 2) * head["duals"]
    logits = rows @ head["weights"] + head["bias"] + pulls.sum(axis=(1, 2))
    assert served == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-4)
    with Bundle.open(bundle, devices=["cpu"]) as old:
        before = old.score(fresh.prompts, want_quality=True).quality
    assert quality is not None
    assert quality == pytest.approx(before)


def test_the_adapted_router_is_better_on_prompts_it_never_saw(bundle: Path) -> None:
    data, fresh = pair(400), pair(600, seed=7)
    adapted = adapt(columns_of(bundle, data), data)
    other = columns_of(bundle, fresh)
    raw = (other.rows * other.head["scale"] + other.head["mean"]).astype(np.float32)
    scores = Kernel(adapted.arrays).scores(raw).astype(np.float64)
    after = apgr(decile_curve(Ranked.of(scores, fresh.weak, fresh.strong)))
    before = apgr(decile_curve(Ranked.of(other.prior, fresh.weak, fresh.strong)))
    assert after > before + 0.1
    assert not adapted.prior_only
    assert adapted.left_out_apgr == pytest.approx(after, abs=0.12)


def test_labels_that_tell_nothing_leave_every_score_as_it_was(tmp_path: Path, bundle: Path) -> None:
    data = pair(120)
    columns = columns_of(bundle, data)
    # Each row twice with opposite labels: what is left out is always predicted wrong.
    twice = np.repeat(np.arange(60), 2)
    opposed = replace(data.only(np.arange(120) < 120), weak=np.arange(120) % 2.0)
    same = replace(columns, rows=columns.rows[twice], prior=columns.prior[twice])
    adapted = adapt(same, replace(opposed, strong=np.ones(120)))
    assert adapted.prior_only
    write_adapted(bundle, tmp_path / "new", "adapted", adapted, ORIGIN)
    with Bundle.open(tmp_path / "new", devices=["cpu"]) as opened:
        before = opened.score(data.prompts, "linear").scores
        assert opened.score(data.prompts, "adapted").scores == pytest.approx(before)


def test_scores_are_probabilities_of_the_strong_answer_being_better(bundle: Path) -> None:
    data, fresh = pair(600), pair(2000, seed=3)
    adapted = adapt(columns_of(bundle, data), data)
    other = columns_of(bundle, fresh)
    raw = (other.rows * other.head["scale"] + other.head["mean"]).astype(np.float32)
    scores = Kernel(adapted.arrays).scores(raw).astype(np.float64)
    happened = (fresh.strong > fresh.weak).astype(np.float64)
    assert expected_calibration_error(scores, happened) < 0.1
    assert scores.mean() == pytest.approx(happened.mean(), abs=0.04)


def test_what_is_like_the_labelled_prompts_is_known(tmp_path: Path, bundle: Path) -> None:
    data, fresh = pair(200), pair(200, seed=9)
    write_adapted(
        bundle, tmp_path / "new", "adapted", adapt(columns_of(bundle, data), data), ORIGIN
    )
    with Bundle.open(tmp_path / "new", devices=["cpu"]) as opened:
        before = opened.score(fresh.prompts, "linear").known
        after = opened.score(fresh.prompts, "adapted").known
        far = opened.score(["x" * 3000], "adapted").known
    assert before is not None
    assert after is not None
    assert far is not None
    assert np.all(after >= before)
    assert np.mean(after < UNKNOWN) < 0.2
    assert far[0] < UNKNOWN


def test_the_same_labels_give_the_same_bundle(tmp_path: Path, bundle: Path) -> None:
    data = pair(80)
    versions = [
        write_adapted(
            bundle, tmp_path / name, "adapted", adapt(columns_of(bundle, data), data), ORIGIN
        )
        for name in ("one", "two")
    ]
    assert versions[0] == versions[1]


def test_a_bundle_can_be_adapted_again(tmp_path: Path, bundle: Path) -> None:
    data = pair(80)
    adapted = adapt(columns_of(bundle, data), data)
    write_adapted(bundle, tmp_path / "one", "adapted", adapted, ORIGIN)
    write_adapted(tmp_path / "one", tmp_path / "two", "adapted", adapted, ORIGIN)
    manifest = Folder.open(tmp_path / "two").manifest
    assert list(manifest.routers) == ["random", "length", "linear", "adapted"]
    card = Folder.open(tmp_path / "two").read(manifest.card).decode()
    assert card.count("## Adapted: `adapted`") == 2
    assert "80 labelled prompts of tickets (small as weak, large as strong)" in card


def test_what_cannot_be_adapted(bundle: Path) -> None:
    data = pair(49)
    with pytest.raises(TooFew, match="49 labelled prompts; adapting takes 50"):
        adapt(columns_of(bundle, data), data)
    with Bundle.open(bundle, devices=["cpu"]) as opened, pytest.raises(NotLinear, match="length"):
        read_columns(bundle, opened, "length", data.prompts)


def test_more_labels_are_worth_more(bundle: Path) -> None:
    data = pair(700)
    columns = columns_of(bundle, data)
    few, many = curve_point(columns, data, 60, 3), curve_point(columns, data, 400, 3)
    assert many.after > few.before + 0.1
    assert many.after > few.after - 0.02
    assert curve_point(columns, data, 60, 3) == few
    lines = table([few, many]).splitlines()
    assert lines[0].startswith("| labels |")
    assert lines[3].startswith("| 400 |")


def test_a_model_joins_by_its_probes(tmp_path: Path, bundle: Path) -> None:
    probes, fresh = pair(300), pair(2000, seed=5)
    columns = columns_of(bundle, probes)
    # A model that is right where the profiles' shared difficulty says so.
    shared = columns.head["quality_weights"].mean(axis=1)

    def outcomes(of: Columns) -> Doubles:
        chance = 1 / (1 + np.exp(-(12 * (of.rows @ shared) + 0.5)))
        return (np.random.default_rng(0).random(len(of.rows)) < chance).astype(np.float64)

    found = fit_profile(columns, outcomes(columns))
    assert found.brier < found.brier_constant
    write_profile(bundle, tmp_path / "new", "newcomer", found, "probes")
    happened = outcomes(columns_of(bundle, fresh))
    with (
        Bundle.open(tmp_path / "new", devices=["cpu"]) as new,
        Bundle.open(bundle, devices=["cpu"]) as old,
    ):
        assert new.profiles == (*old.profiles, "newcomer")
        after = new.score(fresh.prompts, "linear", want_quality=True)
        before = old.score(fresh.prompts, "linear", want_quality=True)
    assert after.quality is not None
    assert before.quality is not None
    assert after.scores == pytest.approx(before.scores)
    assert after.quality[:, :-1] == pytest.approx(before.quality)
    predicted = after.quality[:, -1].astype(np.float64)
    assert expected_calibration_error(predicted, happened) < 0.1
    assert np.corrcoef(predicted, happened)[0, 1] > 0.15


def test_a_profile_of_that_name_is_replaced(tmp_path: Path, bundle: Path) -> None:
    data = pair(60)
    columns = columns_of(bundle, data)
    found = fit_profile(columns, data.weak)
    write_profile(bundle, tmp_path / "new", "tiny-weak", found, "probes")
    manifest = Folder.open(tmp_path / "new").manifest
    assert manifest.profiles == Folder.open(bundle).manifest.profiles
    with pytest.raises(TooFew, match="49 probe prompts"):
        fit_profile(columns, data.weak[:49])
    bare = replace(columns, head={**columns.head, "quality_weights": np.zeros((0, 0), np.float32)})
    with pytest.raises(NoProfiles):
        fit_profile(bare, data.weak)
