"""Any text becomes one that every block can read."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features.text import normalise

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
