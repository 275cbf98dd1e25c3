"""What two prompts must share before one's answer may be the other's."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weir_gateway.routing.cache.wording import wording

PROMPTS = (
    "What is the capital of France?",
    "If a train travels 60 km in 2.5 hours, how fast is it?",
    "Which drugs should not be taken with alcohol?",
    "Is Alice taller than Bob, or is Bob taller than Alice?",
    "Summarize: the US and the UK signed 3 treaties in 1998.\n- first\n  - second",
)
WORDS = st.from_regex(r"[a-z]{2,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France?", "what is capital of france"),
        ("What is the capital of France?", "What's the capital of France"),
        ("Explain entropy.", "Hi there! Could you please explain entropy? Thank you!"),
        ("Explain entropy.", "PLEASE EXPLAIN ENTROPY"),
        ("Is it true that I am in Rome?", "is it true that i am in rome"),
        ("The Well-Known O'Hara", "the well-known o'hara"),
        ("What is entropy?", "Tell me what is entropy, please."),
        ("Don't panic: why?", "do not panic, why"),
        ("Why  is\tthat so ?", "why is that so"),
        ("a\n\nb  \n", "a\nb"),
    ],
)
def test_the_same(one: str, other: str) -> None:
    assert wording(one) == wording(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Which drugs should be taken?", "Which drugs should not be taken?"),
        ("Can it fly?", "Can't it fly?"),
        ("What is 5 + 3?", "What is 5 - 3?"),
        ("What is 5!", "What is 5"),
        ("Compute n!", "Compute n"),
        ("What is -5 squared?", "What is 5 squared?"),
        ("Convert 10 km", "Convert 10 cm"),
        ("Convert 1.0 km", "Convert 10 km"),
        ("Convert 1,000 m", "Convert 1.000 m"),
        ("Is Alice taller than Bob?", "Is Bob taller than Alice?"),
        ("From Rome to Paris", "To Rome from Paris"),
        ("What does WHO say?", "What does who say?"),
        ("Vitamin A or B?", "Vitamin B or A?"),
        ("Convert 5 Mg to kg", "Convert 5 mg to kg"),
        ("Convert 5 mW", "Convert 5 MW"),
        ("Solve X + x", "Solve x + x"),
        ("Print(Foo_1)", "print(foo_1)"),
        ("Trinken in Maßen?", "Trinken in Massen?"),
        ("Can you swim?", "Swim?"),
        ("Hello world in C", "world in C"),
        ("How do I say please?", "How do I say?"),
        ("Translate: thanks", "Translate:"),
        ("if x:\n  a()\nb()", "if x:\n  a()\n  b()"),
        ("(2+3)*4", "2+3*4"),
        ("x < y", "x > y"),
        ("all cats", "some cats"),
        ("before lunch", "after lunch"),
        ("increase it", "decrease it"),
    ],
)
def test_not_the_same(one: str, other: str) -> None:
    assert wording(one) != wording(other)


@given(st.text(max_size=200))
def test_any_text_has_a_wording_and_its_form_in_unicode_is_the_same(text: str) -> None:
    assert wording(text) == wording(text + " ")
    assert all(wording(text))


@given(st.lists(WORDS, min_size=3, max_size=8), st.data())
def test_a_number_or_a_not_makes_another_wording(words: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(words) - 1))
    more = data.draw(st.sampled_from(["not", "never", "no", "7", "-1", "3.5", "without", "%"]))
    assert wording(" ".join(words)) != wording(" ".join([*words[:at], more, *words[at:]]))


@given(st.sampled_from(PROMPTS), st.data())
def test_another_number_makes_another_wording(prompt: str, data: st.DataObject) -> None:
    digits = [at for at, letter in enumerate(prompt) if letter.isdigit()]
    assume(digits)
    at = data.draw(st.sampled_from(digits))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != prompt[at]]))
    assert wording(prompt) != wording(prompt[:at] + digit + prompt[at + 1 :])


@given(st.lists(WORDS, min_size=2, max_size=8, unique=True), st.data())
def test_two_words_that_change_places_make_another_wording(
    words: list[str], data: st.DataObject
) -> None:
    assume("the" not in words)
    one, other = data.draw(st.permutations(range(len(words))))[:2]
    swapped = list(words)
    swapped[one], swapped[other] = words[other], words[one]
    before, after = wording(" ".join(words)), wording(" ".join(swapped))
    assert before != after or len(before) < len(words)  # where a word was a courtesy


@given(st.lists(WORDS, min_size=1, max_size=8), st.data())
def test_spacing_within_a_line_says_nothing(words: list[str], data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.sampled_from([" ", "   ", "\t"]), min_size=8, max_size=8))
    spread = "".join(word + gap for word, gap in zip(words, gaps, strict=False))
    assert wording(spread) == wording(" ".join(words))


def test_a_long_prompt_takes_no_time_that_grows_with_its_square() -> None:
    assert wording("\n" * 8000 + "why" + "\n" * 8000) == ("why",)
    assert wording("please " * 1200 + "why") == ("why",)
