"""Conversations that are huge, broken, forged or in no order are read as far as they go."""

import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir_agents.conversation import MOST_TURNS, ConversationReader
from weir_agents.facts import AgentFacts
from weir_agents.turns import Call, Result
from weir_agents.written import to_json

Step = tuple[str, str, str, bool | None]
LONGEST = (
    2.0  # seconds of the processor for what takes a few hundredths; a quadratic one takes more
)
TEXTS = st.text(max_size=80) | st.sampled_from(
    [
        *("Error: ", "Traceback (most recent call last)", "1 failed in 0.2s", "3 passed in 1s"),
        *("<returncode>1</returncode>", "exit code: 99999999999", "```bash\nls\n```", "\ud800"),
        *("<output>\n", "Observation: x", "Action: run\nAction Input: {", "<function=bash>"),
        *("<<<<<<< SEARCH\n", " SEARCH\n", '"keystrokes": "ls', "<tool_call>{", "\x00\xff"),
        *("<system-reminder>", "[x for y] Result:", "<invoke name=", "Exit code -", "OK", ""),
    ]
)
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant", "call", "result", "compacted"]),
        TEXTS,
        TEXTS,
        st.none() | st.booleans(),
    ),
    max_size=30,
)


def play(steps: Sequence[Step]) -> AgentFacts:
    reader = ConversationReader()
    for kind, text, other, flag in steps:
        match kind:
            case "user":
                reader.user(text)
            case "assistant":
                reader.assistant(text, [Call(other, other, text)] if flag else [])
            case "call":
                reader.call(Call(text, other, other))
            case "result":
                reader.result(Result(other, text, error=flag))
            case _:
                reader.compacted()
    return reader.facts(tokens=len(steps))


@settings(max_examples=300)
@given(STEPS)
def test_any_conversation_has_facts_that_agree(steps: list[Step]) -> None:
    facts = play(steps)
    assert facts == play(steps)
    assert facts.errors <= facts.results
    assert facts.recent_errors <= min(facts.results, 3)
    assert facts.error_streak <= facts.errors
    assert facts.same_error < max(facts.errors, 1)
    assert facts.tests_run == facts.tests_passed + facts.tests_failed <= facts.results
    assert facts.failing_streak <= facts.tests_failed
    assert facts.idle_repeats <= facts.repeated_calls <= facts.calls
    assert facts.turns_since_user <= facts.turns
    assert facts.settled <= facts.results
    assert 0 <= facts.worst_recent_error <= 3
    assert to_json(facts).isascii()


@given(STEPS, TEXTS)
def test_one_more_result_is_one_error_at_most(steps: list[Step], text: str) -> None:
    before = play(steps)
    after = play([*steps, ("result", text * 50, "unknown", None)])
    assert 0 <= after.errors - before.errors <= 1
    assert 0 <= after.tests_run - before.tests_run <= 1
    assert after.results == before.results + 1


def session(turns: int, result: str = "ok") -> ConversationReader:
    reader = ConversationReader()
    reader.user("Go.")
    for number in range(turns):
        reader.assistant("I look.", [Call(str(number), "bash", f'{{"command": "ls {number}"}}')])
        reader.result(Result(str(number), f"{result}{number}", error=True))
    return reader


def test_of_a_long_conversation_the_end_is_read_and_all_is_counted() -> None:
    facts = session(10_000).facts()
    assert (facts.turns, facts.calls, facts.results, facts.errors) == (10_000,) * 4
    assert (facts.reads, facts.error_streak) == (MOST_TURNS, MOST_TURNS)


def test_a_result_of_megabytes_is_read_at_both_ends() -> None:
    filler = "x" * 5_000_000
    for text in (f"Error: it broke\n{filler}", f"{filler}\nTraceback (most recent call last)\n"):
        reader = session(0)
        reader.assistant("", [Call("1", "bash", '{"command": "make"}')])
        reader.result(Result("1", text))
        facts = reader.facts()
        assert (facts.errors, facts.result_chars) == (1, len(text))
    hidden = session(0)
    hidden.result(Result("1", f"{filler}Error: it broke{filler}"))
    assert hidden.facts().errors == 0


def in_a_row() -> AgentFacts:
    reader = ConversationReader()
    for number in range(20_000):
        reader.assistant("word " * 20, [Call(str(number), "bash", "ls")])
    return reader.facts()


def written_calls() -> AgentFacts:
    reader = ConversationReader()
    for _ in range(1000):
        reader.assistant("```bash\nls\n```\n" * 1000)
        reader.user("<output>\nok</output>")
    return reader.facts()


def never_closed() -> AgentFacts:
    reader = ConversationReader()
    for mark in ("<function=a>", '<invoke name="a">', "<tool_call>", "```sh\n", "<bash>", "</"):
        reader.assistant(mark * 100_000)
        reader.user("<output>\nok</output>")
        reader.user("<system-reminder>" * 100_000)
    return reader.facts()


def odd_commands() -> AgentFacts:
    reader = ConversationReader()
    for part in ("sudo ", "A=b ", "<<E\n", "git -C x ", "cargo a ", "'", "\\", '"command": "', ">"):
        reader.assistant("", [Call("", "bash", part * 500_000), Call("", "Edit", part * 500_000)])
        reader.result(Result("", part * 500_000))
    return reader.facts()


@pytest.mark.parametrize("read", [in_a_row, written_calls, never_closed, odd_commands])
def test_it_takes_time_in_proportion_to_the_text(read: Callable[[], AgentFacts]) -> None:
    started = time.process_time()
    read()
    assert time.process_time() - started < LONGEST


def test_results_out_of_order_and_of_nothing_are_counted() -> None:
    reader = ConversationReader()
    reader.result(Result("9", "Error: early"))
    reader.assistant("", [Call("1", "bash", "pytest"), Call("2", "Edit", "{}")])
    reader.result(Result("2", "Error: no such file"))
    reader.result(Result("1", "2 passed in 0.1s"))
    reader.result(Result("1", "again"))
    facts = reader.facts()
    assert (facts.results, facts.errors, facts.failed_edits, facts.tests_passed) == (4, 2, 1, 1)
    assert facts.last_error


def test_a_client_that_strips_results_leaves_the_calls() -> None:
    reader = ConversationReader()
    reader.user("Go.")
    for _ in range(3):
        reader.assistant("", [Call("1", "bash", '{"command": "pytest"}')])
        reader.user("Go on.")
    facts = reader.facts()
    assert (facts.calls, facts.results, facts.repeated_calls, facts.user_turns) == (3, 0, 2, 4)


def test_a_user_may_quote_a_result() -> None:
    reader = ConversationReader()
    reader.user("Go.")
    reader.assistant("Which one?")
    quoted = "<output>\nthis is what I saw"
    assert reader.user(quoted) == quoted
    assert not reader.active
