"""The facts with an answer that isn't given yet are those of the conversation that has it."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_agents.answered import finishes, with_answer
from weir_agents.conversation import ConversationReader
from weir_agents.facts import AgentFacts
from weir_agents.turns import Call, Result

# What facts alone can't say: earlier calls and texts, and which files were edited.
UNKNOWN = {
    *("repeated_calls", "idle_repeats", "edited_files", "stalled", "hedging"),
    *("recent_text_chars", "production", "recent_reads"),
}
CALLS = st.lists(
    st.builds(
        Call,
        st.just(""),
        st.sampled_from(["bash", "Read", "Edit", "Task", "cancel_order", "submit", "WebFetch"]),
        st.sampled_from(["ls", "pytest", "sed -i s/a/b/ a", "{}"]),
    ),
    max_size=3,
)
TEXTS = st.sampled_from(["", "Fixed. All tests pass.", "Which one?", "Maybe it is done."])


def conversation(turns: list[tuple[str, list[Call]]]) -> ConversationReader:
    reader = ConversationReader()
    reader.user("Go.")
    for text, calls in turns:
        reader.assistant(text, calls)
        for call in calls:
            reader.result(Result(call.id, "ok"))
        if not calls:
            reader.user("Go on.")
    return reader


@given(st.lists(st.tuples(TEXTS, CALLS), max_size=4), TEXTS, CALLS)
def test_an_answer_changes_the_facts_as_its_turn_will(
    turns: list[tuple[str, list[Call]]], text: str, calls: list[Call]
) -> None:
    reader = conversation(turns)
    before = reader.facts()
    answered = with_answer(before, text, calls)
    reader.assistant(text, calls)
    after = reader.facts()
    for each in fields(AgentFacts):
        if each.name not in UNKNOWN:
            assert getattr(answered, each.name) == getattr(after, each.name), each.name


@pytest.mark.parametrize(
    ("text", "calls", "by_text", "expected"),
    [
        ("All done.", [], False, True),
        ("", [], False, True),
        ("I look.", [Call("", "Read", "{}")], False, False),
        ("I submit.", [Call("", "submit", "{}")], False, True),
        ("```bash\nls\n```", [], False, True),
        ("```bash\nls\n```", [], True, False),
        ("```bash\necho COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT\n```", [], True, True),
    ],
)
def test_a_turn_finishes_that_leaves_nothing_to_run(
    text: str, calls: list[Call], *, by_text: bool, expected: bool
) -> None:
    facts = conversation([("", [Call("", "Edit", "{}")])]).facts()
    assert not finishes(facts)
    assert finishes(with_answer(facts, text, calls, by_text=by_text)) is expected
