"""Heads: their arithmetic, and which arrays they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from support.bundles import tiny_head
from weir_scorer.engine.routers import BadHead, Kernel, Length, Linear, Random

Floats = NDArray[np.float32]


def column(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)[:, None]


def test_random_passes_its_feature_on() -> None:
    assert Random({}).scores(column(0.25, 0.5)).tolist() == [0.25, 0.5]


def test_quantile_gives_the_rank_among_the_knots() -> None:
    head = Length({"knots": np.array([0, 1, 2, 3, 4], dtype=np.float32)})
    assert head.scores(column(-1, 0, 1, 2.5, 4, 99)).tolist() == [0, 0, 0.25, 0.625, 1, 1]


def test_a_value_that_many_reference_prompts_share_ranks_in_their_middle() -> None:
    head = Length({"knots": np.array([0, 1, 1, 1, 2], dtype=np.float32)})
    assert head.scores(column(1)).tolist() == [0.5]


@given(st.lists(st.floats(0, 100, width=32), min_size=2, max_size=50))
def test_quantile_never_ranks_a_larger_value_lower(values: list[float]) -> None:
    knots = np.sort(np.array(values, dtype=np.float32))
    asked = np.linspace(-1, 101, 200, dtype=np.float32)[:, None]
    scores = Length({"knots": knots}).scores(asked)
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
        Length({"knots": np.array([1, 0], dtype=np.float32)})


def test_random_refuses_a_head_file() -> None:
    with pytest.raises(BadHead, match="no head file"):
        Random({"knots": np.array([1], dtype=np.float32)})


def kernel_head(dim: int, anchors: Floats) -> dict[str, Floats]:
    return {
        **tiny_head(dim),
        "metric": np.full(dim, 0.5, np.float32),
        "anchors": anchors,
        "duals": np.full(len(anchors), 2.0, np.float32),
    }


def test_a_kernel_head_adds_the_pull_of_what_is_near() -> None:
    arrays = kernel_head(2, np.array([[0, 0], [3, 4]], np.float32))
    rows = np.array([[0, 0], [6, 8], [1e4, 1e4]], np.float32)
    plain = Linear(tiny_head(2)).logits(rows)
    # Halved by the metric the second row lies on the second anchor, 5 from the first.
    pull = np.array([2 + 2 * np.exp(-12.5), 2 + 2 * np.exp(-12.5), 0])
    head = Kernel(arrays)
    expected = 1 / (1 + np.exp(-np.clip(plain + pull, -30, 30)))
    assert head.scores(rows) == pytest.approx(expected, rel=1e-5)
    assert head.quality(rows) == pytest.approx(Linear(tiny_head(2)).quality(rows))
    assert (head.dim, head.profiles) == (2, 2)


def test_a_kernel_head_sums_the_pulls_of_its_widths() -> None:
    anchors = np.array([[0, 0], [3, 4]], np.float32)
    one = kernel_head(2, anchors)
    split = np.array([[0.5, 1.5], [2.0, 0.0]], np.float32)
    wide = Kernel({**one, "widths": np.array([1, 0.25], np.float32), "duals": split})
    at = np.array([[0, 0], [3, 4], [1, 1]], np.float32)
    near = ((at[:, None] / 2 - anchors) ** 2).sum(axis=2)  # the metric halves
    pulls = np.exp(-near / 2) @ split[:, 0] + np.exp(-near / 8) @ split[:, 1]
    bare = Kernel(kernel_head(2, np.zeros((0, 2), np.float32))).scores(at)
    expected = 1 / (1 + np.exp(-(np.log(bare / (1 - bare)) + pulls)))
    assert wide.scores(at) == pytest.approx(expected, abs=1e-5)
    for widths in ([1, -1], [1]):
        with pytest.raises(BadHead, match="widths"):
            Kernel({**one, "widths": np.array(widths, np.float32), "duals": split})


def test_a_kernel_head_without_anchors_is_linear() -> None:
    rows = np.array([[1, 2], [3, -4]], np.float32)
    head = Kernel(kernel_head(2, np.zeros((0, 2), np.float32)))
    assert head.scores(rows) == pytest.approx(Linear(tiny_head(2)).scores(rows))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": np.ones(3, np.float32)}, "must have 2 columns"),
        ({"anchors": np.ones((1, 3), np.float32)}, "must have 2 columns"),
        ({"duals": np.ones(2, np.float32)}, "1 anchors have 2 duals"),
        ({"anchors": np.full((1, 2), np.nan, np.float32)}, "not finite"),
    ],
)
def test_a_kernel_head_refuses_arrays_that_do_not_fit(
    change: dict[str, Floats], message: str
) -> None:
    with pytest.raises(BadHead, match=message):
        Kernel({**kernel_head(2, np.ones((1, 2), np.float32)), **change})
