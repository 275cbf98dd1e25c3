"""How rare a text's words are: in nine languages rare words stand out from everyday ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.engine.blocks import word_levels
from weir_scorer.features import rarity
from weir_scorer.features.reading import read

LEVELS = word_levels()
any_text = st.text(st.characters(exclude_categories=()), max_size=600)


def columns(text: str) -> dict[str, float]:
    row = rarity.rarity(read(text), LEVELS)
    return dict(zip(rarity.NAMES, row.tolist(), strict=True))


@given(any_text)
def test_any_text_gives_finite_columns(text: str) -> None:
    row = rarity.rarity(read(text), LEVELS)
    assert row.shape == (len(rarity.NAMES),)
    assert row.dtype == np.float32
    assert np.all(np.isfinite(row))
    assert np.all(row >= 0)


@pytest.mark.parametrize(
    ("everyday", "rare"),
    [
        ("How is the weather today?", "Which monopsony wages bind?"),
        ("Wie ist das Wetter heute?", "Beweise die Nullstellensatzvermutung"),
        ("Quel temps fait-il ?", "Réfutez la thèse nominaliste"),
        ("¿Qué tiempo hace hoy?", "Refuta el teorema ergódico"),
        ("Какая сегодня погода?", "Опровергни эргодическую гипотезу"),
        ("今天天气怎么样", "证明黎曼猜想的推论"),
        ("今日の天気は", "超越数の稠密性を証明せよ"),
        ("كيف الطقس اليوم", "برهن مبرهنة لاغرانج"),
        ("आज मौसम कैसा है", "अपरिमेयता प्रमेय सिद्ध कीजिए"),
    ],
)
def test_rare_words_stand_out(everyday: str, rare: str) -> None:
    assert columns(rare)["rarity_top"] > columns(everyday)["rarity_top"]


def test_a_text_without_words_has_no_rarity() -> None:
    assert set(columns("12 + 34 = ?").values()) == {0.0}


def test_a_word_counts_once_a_time_and_in_any_case() -> None:
    assert columns("THE The the")["rarity_mean"] == columns("the")["rarity_mean"]
    assert columns("the the")["rare_words"] == 0


def test_a_head_trained_on_these_columns_is_broken_by_any_change_of_them() -> None:
    """Who changes the columns or the table raises VERSION and trains the heads again."""
    assert (rarity.VERSION, len(rarity.NAMES), len(LEVELS)) == (1, 8, 40056)
    row = rarity.rarity(read("Refute Zeno with a measurable monopsony."), LEVELS)
    assert float(row.sum()) == pytest.approx(82.129, abs=0.001)
