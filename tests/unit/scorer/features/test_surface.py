"""The surface block: what its columns count, of the asking part and of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features import surface
from weir_scorer.features.cues import PARTS, WORDS
from weir_scorer.features.reading import read

any_text = st.text(st.characters(exclude_categories=()), max_size=3000)
PASTED = "\n".join(f"{n}. The lamp in room {n} was replaced." for n in range(40))


def columns(text: str) -> dict[str, float]:
    return dict(zip(surface.NAMES, surface.surface(read(text)).tolist(), strict=True))


@given(any_text)
def test_any_text_gives_finite_columns(text: str) -> None:
    row = surface.surface(read(text))
    assert row.shape == (len(surface.NAMES),)
    assert row.dtype == np.float32
    assert np.all(np.isfinite(row))
    assert np.all(row >= 0)


@pytest.mark.parametrize(
    ("text", "column", "count"),
    [
        ("Prove that 2 + 2 = 4.", "solve_words", 1),
        ("Beweise, dass 2 + 2 = 4.", "solve_words", 1),
        ("证明根号二是无理数。", "solve_words", 1),
        ("素数が無限にあることを証明してください。", "solve_words", 1),
        ("Докажите теорему Ферма.", "solve_words", 1),
        ("أثبت أن العدد أولي", "solve_words", 1),
        ("सिद्ध कीजिए", "solve_words", 1),
        ("Pourquoi? POURQUOI?", "reason_words", 2),
        ("thanks, bye", "courtesy_words", 2),
        ("Prove that 2 + 2 = 4.", "maths_marks", 2),
        ("12,345.6 apples", "numbers", 1),
        ("Which?\nA. one\nB) two\n(C) three", "choices", 3),
        ("- one\n* two\n3. three", "items", 3),
        ("一。二!三?", "sentences", 3),
        ("a\nb\nc", "lines", 2),
    ],
)
def test_counts_are_logarithms(text: str, column: str, count: int) -> None:
    found = columns(text)
    assert found[column] == pytest.approx(np.log1p(count), rel=1e-6)
    assert found[f"ask_{column}"] == found[column]  # a short text is all ask


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


def test_a_chinese_character_counts_as_three_latin_ones() -> None:
    assert columns("证明定理")["characters"] == columns("abcdefghijkl")["characters"]


def test_the_asking_part_has_the_same_columns_whatever_stands_before_it() -> None:
    question = "Prove that every Liouville number is transcendental."
    alone, behind = columns(question), columns(f"{PASTED}\n\n{question}")
    asks = [name for name in surface.NAMES if name.startswith("ask_") and name != "ask_share"]
    assert {name: alone[name] for name in asks} == {name: behind[name] for name in asks}
    assert behind["length"] > alone["length"]
    assert behind["ask_share"] < alone["ask_share"] == 1


def test_both_tables_of_words_have_the_same_groups() -> None:
    assert PARTS.keys() - {"following_words"} <= WORDS.keys()


def test_a_head_trained_on_these_columns_is_broken_by_any_change_of_them() -> None:
    """Who changes the columns raises VERSION and trains the heads again."""
    assert (surface.VERSION, len(surface.NAMES)) == (1, 78)
    row = surface.surface(read("Why is 7 prime? Explain, then prove it:\n- no 3*k\nA. Yes"))
    assert float(row.sum()) == pytest.approx(47.164, abs=0.001)
