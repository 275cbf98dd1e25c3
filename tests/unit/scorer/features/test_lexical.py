"""The lexical block: what its columns count, and that no text breaks it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features import lexical

any_text = st.text(st.characters(exclude_categories=()), max_size=3000)


def columns(text: str) -> dict[str, float]:
    return dict(zip(lexical.NAMES, lexical.lexical(text).tolist(), strict=True))


@given(any_text)
def test_any_text_gives_finite_columns(text: str) -> None:
    row = lexical.lexical(text)
    assert row.shape == (len(lexical.NAMES),)
    assert row.dtype == np.float32
    assert np.all(np.isfinite(row))
    assert np.all(row >= 0)


@given(any_text)
def test_the_block_is_a_function_of_the_text(text: str) -> None:
    assert np.array_equal(lexical.lexical(text), lexical.lexical(text))


@pytest.mark.parametrize(
    ("text", "column", "count"),
    [
        ("Prove that 2 + 2 = 4.", "solve_words", 1),
        ("Prove that 2 + 2 = 4.", "maths_marks", 2),
        ("Prove that 2 + 2 = 4.", "numbers", 3),
        ("12,345.6 apples", "numbers", 1),
        ("Which?\nA. one\nB) two\n(C) three", "choices", 3),
        ("- one\n* two\n3. three", "items", 3),
        ("One. Two! Three? Four", "sentences", 3),
        ("a\nb\nc", "lines", 2),
        ("Why? WHY? why?", "reason_words", 3),
        ("{}{}", "braces", 4),
        ("def f(): return 1", "code_words", 2),
    ],
)
def test_counts_are_logarithms(text: str, column: str, count: int) -> None:
    assert columns(text)[column] == pytest.approx(np.log1p(count), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "column", "share"),
    [
        ("1234ab", "digits", 4 / 6),
        ("ABcd", "capitals", 0.5),
        ("日本ab", "not_ascii", 0.5),
        ("one two one", "distinct_words", 2 / 3),
        ("extraordinary cat", "long_words", 0.5),
    ],
)
def test_shares_are_parts_of_one(text: str, column: str, share: float) -> None:
    assert columns(text)[column] == pytest.approx(share, rel=1e-6)


def test_only_the_length_is_known_behind_the_cap() -> None:
    head = "word " * (lexical.MAX_CHARS // 5)
    short, long = columns(head + "x"), columns(head + "?" * 5000)
    assert short.pop("characters") < long.pop("characters")
    assert short == long


def test_a_head_trained_on_these_columns_is_broken_by_any_change_of_them() -> None:
    """Whoever changes the columns raises VERSION and trains the heads again."""
    assert (lexical.VERSION, len(lexical.NAMES)) == (1, 36)
    row = lexical.lexical("Why is 7 prime? Explain, then prove it:\n- no 3*k\nA. Yes")
    assert float(row.sum()) == pytest.approx(19.683, abs=0.001)
