"""Length and the number that only looks random."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features.cheap import length, uniform

any_text = st.text(st.characters(exclude_categories=()), max_size=200)


@given(any_text, st.integers(0, 2**31))
def test_one_text_and_seed_give_one_number_below_one(text: str, seed: int) -> None:
    first = uniform(text, seed)
    assert first.dtype == np.float32
    assert 0 <= first[0] < 1
    assert np.array_equal(first, uniform(text, seed))


def test_texts_are_spread_evenly_and_seeds_differ() -> None:
    values = np.array([uniform(f"prompt {number}", 0)[0] for number in range(4000)])
    assert np.all(np.abs(np.histogram(values, bins=10, range=(0, 1))[0] - 400) < 100)
    others = np.array([uniform(f"prompt {number}", 1)[0] for number in range(4000)])
    assert abs(float(np.corrcoef(values, others)[0, 1])) < 0.06


@given(any_text, any_text)
def test_length_grows_with_the_text(text: str, more: str) -> None:
    assert length(text)[0] <= length(text + more)[0]
