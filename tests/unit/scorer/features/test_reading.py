"""What is read of a text: both ends within their budgets, and the part that asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.features.ask import LONGEST, SHORT
from weir_scorer.features.reading import ENCODED, END, RAW_END, read, read_head, reader

QUESTION = "When does the next planning meeting take place?"
INSTRUCTION = "Answer the question from the context below."
PROOF = "Prove that every Liouville number is transcendental."
MAIL = (
    "Dear all,\n\nthank you for coming on Tuesday. We went through the budget of the second "
    "quarter, and Maria will send the numbers by Friday. Could you all check them?\n\nThe room on "
    "the third floor is being painted, so that we meet in the canteen instead.\n\nBest regards,\n"
    "Anna"
)
CODE = "\n".join(f"value_{n} = compute(value_{n - 1}, rate={n}) # step {n}" for n in range(1, 160))
MINUTES = (
    "会議の議事録です。出席者は田中と鈴木です。予算について話しました。次に、計画を見直しました。"
)
SLIDE = (
    "A block of mass 2 kg slides down an incline without friction. It starts from rest at a height "
    "of 5 m above the ground, and hits a spring at the bottom. The incline is fixed to the ground "
    "and the air does not resist. The spring has a constant of 500 N/m and can be compressed by 1 "
    "metre before it breaks in two. "
)
any_text = st.text(st.characters(exclude_categories=()), max_size=3000)
mixed = st.lists(
    st.sampled_from(
        [MAIL, QUESTION, CODE[:500], MINUTES, "\n\n", " ", "?", "\ud800", "\u202e", "e\u0301"]
    ),
    max_size=30,
).map("".join)


@given(any_text | mixed)
def test_nothing_is_longer_than_its_budget(text: str) -> None:
    reading = read(text)
    assert len(reading.text) <= 2 * END + 1
    assert len(reading.ask) <= LONGEST
    assert len(reading.encoded) <= ENCODED + 2
    assert reading.chars >= 0
    reading.text.encode("utf-8")


@given(mixed)
def test_what_was_read_reads_as_itself(text: str) -> None:
    clean = read(text).text
    assert read(clean).text == clean


@given(st.text("abc de?", max_size=200))
def test_a_short_text_is_all_ask(text: str) -> None:
    reading = read(text)
    assert reading.ask == reading.text == reading.encoded
    assert reading.chars == len(reading.text) <= SHORT


@pytest.mark.parametrize(
    "text",
    [
        f"{MAIL}\n\n{QUESTION}",
        f"{QUESTION}\n\n{MAIL}",
        f"{CODE}\n\n{QUESTION}",
        f"{QUESTION}\n\n{CODE}",
        f"{CODE}\n{QUESTION}",
        MAIL * 20 + f"\n\n{QUESTION}",
    ],
)
def test_the_question_is_found_before_and_after_what_was_pasted(text: str) -> None:
    reading = read(text)
    assert reading.ask == QUESTION
    assert QUESTION in reading.encoded


def test_a_request_without_a_question_mark_is_found_too() -> None:
    assert read(f"{CODE}\n\n{PROOF}").ask == PROOF
    assert read(f"{PROOF}\n\n{MAIL}").ask == PROOF


def test_an_instruction_before_and_a_question_after_are_both_the_ask() -> None:
    text = f"{INSTRUCTION}\n\n{MAIL}\n\nQuestion: {QUESTION}"
    assert read(text).ask == f"{INSTRUCTION}\nQuestion: {QUESTION}"


def test_sentences_are_told_apart_without_lines_and_without_spaces() -> None:
    question = "次の会議はいつですか?"
    assert read(MINUTES * 20 + question).ask == question
    flat = MAIL.replace("\n", " ")
    assert read(f"{flat} {PROOF}").ask.endswith(PROOF)


def test_the_choices_of_an_exam_are_no_ask() -> None:
    text = f"{SLIDE}How far does it go?"
    choices = "\n".join(
        f"{letter}. {place} metres and no further" for place, letter in enumerate("ABCD")
    )
    ask = read(f"{text}\n{choices}").ask
    assert ask.endswith("How far does it go?")
    assert "metres" not in ask


def test_white_space_and_repetition_add_no_length() -> None:
    assert read(QUESTION + " " * 500).chars == len(QUESTION)
    assert read(f"{QUESTION} " * 500).chars < 50 * len(QUESTION)
    assert read(CODE * 20).chars < len(CODE * 20)


def test_the_middle_of_a_huge_text_is_never_looked_at() -> None:
    huge = f"{QUESTION}\n{'x y ' * 2_000_000}\n{PROOF}"
    reading = read(huge)
    assert reading.text.startswith(QUESTION)
    assert reading.text.endswith(PROOF)
    assert len(read("a" * RAW_END + "b" * 8_000_000 + "c" * RAW_END).text) < 2 * RAW_END


@pytest.mark.parametrize("text", ["", " hello ", "\uff46ull\n\n\n x", "x" * 500])
def test_version_one_reads_the_head_as_it_came(text: str) -> None:
    reading = reader(1, 64)(text)
    assert reading == read_head(text, 64)
    assert reading.text == reading.ask == reading.encoded
    assert reading.chars == len(reading.text) <= 64
