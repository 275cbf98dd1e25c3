"""Any text becomes one that every block can read."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features.text import length, normalise, uniform

CAP = 64
any_text = st.text(st.characters(exclude_categories=()), max_size=200)  # surrogates and NUL too


@given(any_text)
def test_a_normalised_text_is_short_valid_and_in_normal_form(text: str) -> None:
    clean = normalise(text, CAP)
    assert len(clean) <= CAP
    assert clean == clean.strip()
    assert unicodedata.is_normalized("NFKC", clean)
    clean.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("", ""),
        ("  hello \n", "hello"),
        ("\uff46\uff55\uff4c\uff4c", "full"),
        ("\ufb01ne", "fine"),
        ("a\ud800b", "a?b"),
        ("a\0b", "a\0b"),
        ("e\u0301", "é"),
    ],
)
def test_normal_form(text: str, clean: str) -> None:
    assert normalise(text, CAP) == clean


def test_a_character_that_grows_eighteenfold_does_not_pass_the_cap() -> None:
    assert len(normalise("\ufdfa" * 10_000, CAP)) <= CAP


def test_what_lies_behind_the_cap_is_never_looked_at() -> None:
    assert normalise("x" * CAP + "y" * 5_000_000, CAP) == "x" * CAP


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


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_length_grows_with_the_characters(characters: int, more: int) -> None:
    assert length(characters)[0] <= length(characters + more)[0]
