"""What adds length and no meaning is collapsed; what carries meaning stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features.repetition import collapse

QUESTION = "What is the capital of France?"
any_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=400)
few_letters = st.text("ab \n.", max_size=300)


@pytest.mark.parametrize(
    ("text", "collapsed"),
    [
        ("", ""),
        (" \n\t", ""),
        (QUESTION + " " * 300 + "x", f"{QUESTION} x"),
        ("one\n\n\n\n\ntwo\r\nthree", "one\n\ntwo\nthree"),
        ("a\0b", "a b"),
        (f"{QUESTION} " * 20, QUESTION),
        (f"{QUESTION}\n" * 20, QUESTION),
        ("buy now buy now buy now buy now buy now buy now buy now", "buy now"),
        ("\N{GRINNING FACE}" * 50, "\N{GRINNING FACE}" * 3),
        ("你好" * 30, "你好"),
        ("Hi!!!!!!!!!!!!", "Hi!"),
        ("1000000 + 1111111 = 2111111", "1000000 + 1111111 = 2111111"),
        ("0 0 0 0 1\n0 0 0 0 1", "0 0 0 0 1\n0 0 0 0 1"),
    ],
)
def test_what_is_said_again_and_again_is_left_once(text: str, collapsed: str) -> None:
    assert collapse(text) == collapsed


def test_prose_and_code_stay_as_they_are() -> None:
    code = "def add(a, b):\nreturn a + b\n\nfor n in range(3):\nprint(add(n, n))"
    prose = "The board met on Monday. It approved the budget, and the plan for next year."
    assert collapse(code) == code
    assert collapse(prose) == prose


@given(any_text | few_letters)
def test_a_collapsed_text_is_no_longer_and_stays(text: str) -> None:
    once = collapse(text)
    assert len(once) <= len(text)
    assert once == once.strip()
    assert collapse(once) == once


@given(st.text("abcdefg .", min_size=1, max_size=16), st.integers(20, 60))
def test_twenty_copies_cost_no_more_than_a_few(text: str, copies: int) -> None:
    assert len(collapse(text * copies)) <= max(4 * len(text), 48)


@pytest.mark.parametrize(
    "text", ["ab" * 1200, "a b\n" * 600, "aab" * 800, "".join("a" * n + "b" for n in range(68))]
)
def test_repetition_made_to_be_slow_is_not(text: str) -> None:
    started = time.perf_counter()
    collapse(text)
    assert time.perf_counter() - started < 0.25
