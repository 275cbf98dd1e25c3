"""The facts as JSON for the ledger and as a sentence for people."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_agents.facts import NO_AGENT, AgentFacts
from weir_agents.written import from_json, sentence, to_json

COUNTS = st.integers(0, 10**9)
KINDS = {int: COUNTS, bool: st.booleans(), float: st.floats(0, 1e6), str: st.text(max_size=10)}
FACTS = st.builds(
    AgentFacts,
    **{each.name: KINDS[type(getattr(NO_AGENT, each.name))] for each in fields(AgentFacts)},
)
MOST_CHARS = 2500


@given(FACTS)
def test_what_is_written_is_read_again(facts: AgentFacts) -> None:
    text = to_json(facts)
    assert from_json(text) == facts
    assert len(text) < MOST_CHARS
    assert sentence(facts)


def test_a_plain_chat_has_no_text() -> None:
    assert to_json(NO_AGENT) == to_json(AgentFacts()) == sentence(AgentFacts()) == ""
    assert from_json("") is NO_AGENT


@pytest.mark.parametrize("text", ["[]", "nothing", "{"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_json(text)


def test_what_another_version_wrote_is_read_as_far_as_it_is_known() -> None:
    text = '{"turns":3,"moods":1,"calls":"4","done":1,"secondsSinceUser":2,"lastTests":"fail"}'
    facts = AgentFacts(turns=3, seconds_since_user=2, last_tests="fail")
    assert from_json(text) == facts


def test_the_sentence_says_what_matters() -> None:
    facts = AgentFacts(
        turns=4, turns_since_user=2, calls=1, errors=2, error_streak=1, tests_run=1,
        failing_streak=1, harness="codex", subagent=True,
    )  # fmt: skip
    assert sentence(facts) == (
        "a sub-agent of codex, 4 turns (2 since the user wrote), 1 call, 2 errors (1 in a row now),"
        " 1 run of tests, the last failed"
    )
