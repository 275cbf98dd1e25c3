"""A `linear` head with two sums: the gate chooses between them, column by column."""

import numpy as np
import pytest
from numpy.typing import NDArray

from weir_scorer.engine.routers.head import BadHead
from weir_scorer.engine.routers.linear import FARTHEST, Linear

Arrays = dict[str, NDArray[np.float32]]


def head(gate_bias: float) -> Arrays:
    """The first column feeds the one sum, the second the other."""
    return {
        "mean": np.zeros(2, np.float32),
        "scale": np.ones(2, np.float32),
        "weights": np.array([1, 0], np.float32),
        "bias": np.array(0.5, np.float32),
        "quality_weights": np.zeros((2, 0), np.float32),
        "quality_bias": np.zeros(0, np.float32),
        "sense_weights": np.array([0, 1], np.float32),
        "sense_bias": np.array(-0.5, np.float32),
        "gate_weights": np.zeros(2, np.float32),
        "gate_bias": np.array(gate_bias, np.float32),
    }


ROWS = np.array([[1, 2], [-1, 3]], np.float32)


def test_a_shut_gate_leaves_the_first_sum() -> None:
    np.testing.assert_allclose(Linear(head(-30)).logits(ROWS), [1.5, -0.5], atol=1e-5)


def test_an_open_gate_leaves_the_second() -> None:
    np.testing.assert_allclose(Linear(head(30)).logits(ROWS), [1.5, 2.5], atol=1e-5)


def test_a_gate_half_open_gives_their_mean() -> None:
    np.testing.assert_allclose(Linear(head(0)).logits(ROWS), [1.5, 1.0], atol=1e-6)


def test_a_head_without_a_gate_is_one_sum_however_far_a_column_lies() -> None:
    arrays = {name: array for name, array in head(0).items() if "_" not in name}
    arrays |= {name: head(0)[name] for name in ("quality_weights", "quality_bias")}
    far = np.array([[100, 0]], np.float32)
    assert float(Linear(arrays).logits(far)[0]) == pytest.approx(100.5)
    assert float(Linear(head(-30)).logits(far)[0]) == pytest.approx(FARTHEST + 0.5, abs=1e-4)


@pytest.mark.parametrize("lost", ["sense_weights", "gate_weights"])
def test_a_sum_without_a_gate_or_a_gate_without_a_sum_is_refused(lost: str) -> None:
    arrays = {name: array for name, array in head(0).items() if name != lost}
    with pytest.raises(BadHead, match="go together"):
        Linear(arrays)


def test_a_second_sum_of_another_width_is_refused() -> None:
    with pytest.raises(BadHead, match="`sense_weights` has 3 numbers"):
        Linear({**head(0), "sense_weights": np.zeros(3, np.float32)})
