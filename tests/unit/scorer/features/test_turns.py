"""Which last turns depend on the turns before, and on which of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features.turns import (
    FOLLOW_UP,
    MOST_EARLIER,
    SHORT,
    Chat,
    antecedent,
    as_prompt,
    characters,
    earlier_weight,
)

PROOF = "Prove that the Riesz representation theorem holds for every Hilbert space."
any_text = st.text(st.characters(exclude_categories=()), max_size=200)


@pytest.mark.parametrize(
    "turn",
    [
        "and why?",
        "Why?",
        "go on",
        "yes please",
        "ok, what about this?",
        "Can you prove it for n = 3?",
        "Und warum?",
        "et pourquoi ?",
        "¿y por qué?",
        "а почему это так?",  # noqa: RUF001 - Russian
        "为什么?",
        "なぜですか",
        "لماذا؟",
        "क्यों?",
    ],
)
def test_a_follow_up_leans_on_what_it_asks_about(turn: str) -> None:
    assert earlier_weight(turn) == FOLLOW_UP


@pytest.mark.parametrize(
    "turn",
    [
        "thanks!",
        "ok great, bye",
        "Thank you very much for your help!",
        "Danke, das war alles!",
        "Merci beaucoup !",
        "¡Muchas gracias!",
        "Спасибо большое!",
        "谢谢!",
        "ありがとうございました",
        "شكرا جزيلا",
        "धन्यवाद!",
    ],
)
def test_a_closing_leans_on_nothing(turn: str) -> None:
    assert earlier_weight(turn) == 0


@pytest.mark.parametrize(
    "turn",
    [
        PROOF,
        "Why is the sky blue in the evening as well?",
        "Prove that sqrt(2) is irrational.",
        "Now write a haiku about the sea, with seven words in its middle line, and rhyme the ends.",
        "What is 7 times 8?",
    ],
)
def test_a_turn_that_stands_by_itself_is_read_alone(turn: str) -> None:
    assert earlier_weight(turn) == 0


def test_a_few_words_may_be_an_answer() -> None:
    assert earlier_weight("option B") == SHORT


@pytest.mark.parametrize(
    ("earlier", "about"),
    [
        ((PROOF,), PROOF),
        ((PROOF, "and why?"), PROOF),
        (("hi", PROOF, "go on", "thanks!"), PROOF),
        (("and why?", "go on"), "and why?"),
        ((), ""),
        ((" ", ""), ""),
    ],
)
def test_a_follow_up_is_about_the_last_turn_that_stands_by_itself(
    earlier: tuple[str, ...], about: str
) -> None:
    assert antecedent(earlier) == about


def test_only_the_last_few_turns_are_looked_at() -> None:
    assert antecedent((PROOF, *["go on"] * MOST_EARLIER)) == "go on"


@given(any_text, st.lists(any_text, max_size=6))
def test_any_turns_have_a_weight_and_an_antecedent(last: str, earlier: list[str]) -> None:
    assert earlier_weight(last) in {0.0, SHORT, FOLLOW_UP}
    assert antecedent(earlier) in {"", *earlier}
    prompt = as_prompt([*earlier, last])
    assert characters(prompt) == sum(map(len, [*earlier, last]))
    assert isinstance(prompt, Chat) == bool(earlier)
