"""Heads: their arithmetic, and which arrays they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from support.bundles import tiny_head
from weir_scorer.engine.heads import BadHead, Linear, Quantile, Uniform

Floats = NDArray[np.float32]


def column(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)[:, None]


def test_random_passes_its_feature_on() -> None:
    assert Uniform({}).scores(column(0.25, 0.5)).tolist() == [0.25, 0.5]


def test_quantile_gives_the_rank_among_the_knots() -> None:
    head = Quantile({"knots": np.array([0, 1, 2, 3, 4], dtype=np.float32)})
    assert head.scores(column(-1, 0, 1, 2.5, 4, 99)).tolist() == [0, 0, 0.25, 0.625, 1, 1]


def test_a_value_that_many_reference_prompts_share_ranks_in_their_middle() -> None:
    head = Quantile({"knots": np.array([0, 1, 1, 1, 2], dtype=np.float32)})
    assert head.scores(column(1)).tolist() == [0.5]


@given(st.lists(st.floats(0, 100, width=32), min_size=2, max_size=50))
def test_quantile_never_ranks_a_larger_value_lower(values: list[float]) -> None:
    knots = np.sort(np.array(values, dtype=np.float32))
    asked = np.linspace(-1, 101, 200, dtype=np.float32)[:, None]
    scores = Quantile({"knots": knots}).scores(asked)
    assert np.all(np.diff(scores) >= 0)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_linear_is_a_logistic_curve_over_standardised_columns() -> None:
    head = Linear(
        {
            "mean": np.array([1, 2], dtype=np.float32),
            "scale": np.array([2, 4], dtype=np.float32),
            "weights": np.array([1, -1], dtype=np.float32),
            "bias": np.array(0.5, dtype=np.float32),
            "quality_weights": np.array([[1, 0], [0, 1]], dtype=np.float32),
            "quality_bias": np.array([0, 0], dtype=np.float32),
        }
    )
    rows = np.array([[3, 6]], dtype=np.float32)  # standardised: 1, 1
    assert head.scores(rows)[0] == pytest.approx(1 / (1 + np.exp(-0.5)))
    assert head.quality(rows)[0] == pytest.approx(1 / (1 + np.exp(-np.array([1.0, 1.0]))))


@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_linear_stays_within_bounds_however_large_the_feature(value: float) -> None:
    head = Linear(tiny_head(1))
    rows = np.array([[value]], dtype=np.float32)
    for result in (head.scores(rows), head.quality(rows)):
        assert np.all(np.isfinite(result))
        assert np.all((result >= 0) & (result <= 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": np.zeros(3, np.float32)}, "`mean` has shape"),
        ({"scale": np.zeros(4, np.float32)}, "must be positive"),
        ({"scale": np.full(4, np.nan, np.float32)}, "not finite"),
        ({"weights": np.zeros((4, 1), np.float32)}, "1 dimensions"),
        ({"weights": np.zeros(4, np.int64)}, "must be floats"),
        ({"quality_weights": np.zeros((4, 3), np.float32)}, "`quality_weights` has shape"),
    ],
)
def test_linear_refuses_arrays_that_do_not_fit(
    change: dict[str, NDArray[np.generic]], message: str
) -> None:
    with pytest.raises(BadHead, match=message):
        Linear({**tiny_head(4), **change})


def test_linear_names_an_array_that_is_missing() -> None:
    arrays = {name: array for name, array in tiny_head(4).items() if name != "weights"}
    with pytest.raises(BadHead, match="no array `weights`"):
        Linear(arrays)


def test_quantile_refuses_knots_that_fall() -> None:
    with pytest.raises(BadHead, match="ascending"):
        Quantile({"knots": np.array([1, 0], dtype=np.float32)})


def test_random_refuses_a_head_file() -> None:
    with pytest.raises(BadHead, match="no head file"):
        Uniform({"knots": np.array([1], dtype=np.float32)})
