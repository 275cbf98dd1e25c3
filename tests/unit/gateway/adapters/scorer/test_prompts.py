"""What goes to the scorer of a conversation: bounded, valid, and told apart by its hash."""

from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.adapters.scorer.prompts import (
    EARLIER_END_CHARS,
    EARLIER_TURNS,
    END_CHARS,
    digest,
    prompt_of,
)
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import RouterName

any_text = st.text(st.characters(exclude_categories=()), max_size=60)


def query(text: str, *earlier: str) -> ScoreQuery:
    return ScoreQuery(text, RouterName("linear"), timeout=1, earlier=earlier)


def test_of_a_long_text_both_ends_go() -> None:
    text = "a" * 4_000_000 + "b" * 4_000_000
    (sent, earlier) = prompt_of(query(text, text))
    assert sent == "a" * END_CHARS + "\n" + "b" * END_CHARS
    assert earlier == ("a" * EARLIER_END_CHARS + "\n" + "b" * EARLIER_END_CHARS,)


def test_only_the_last_few_earlier_turns_go() -> None:
    assert prompt_of(query("x", *map(str, range(9)))).earlier == ("5", "6", "7", "8")
    assert EARLIER_TURNS == 4


@given(any_text, st.lists(any_text, max_size=6))
def test_whatever_goes_is_valid_and_bounded(text: str, earlier: list[str]) -> None:
    prompt = prompt_of(query(text * 400, *earlier))
    prompt.text.encode()
    assert len(prompt.text) <= 2 * END_CHARS + 1
    assert prompt.chars == len(prompt.text) + sum(map(len, prompt.earlier))
    assert len(prompt.earlier) <= EARLIER_TURNS


@given(
    st.tuples(any_text, st.lists(any_text, max_size=3)),
    st.tuples(any_text, st.lists(any_text, max_size=3)),
)
def test_the_hash_tells_conversations_apart(
    one: tuple[str, list[str]], other: tuple[str, list[str]]
) -> None:
    first, second = query(one[0], *one[1]), query(other[0], *other[1])
    assert (digest(first) == digest(second)) == (prompt_of(first) == prompt_of(second))


def test_turns_and_text_do_not_run_together() -> None:
    assert digest(query("b", "a")) != digest(query("ab"))
    assert digest(query("c", "ab")) != digest(query("c", "a", "b"))
