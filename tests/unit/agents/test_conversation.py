"""A conversation's pieces become the facts of an agent."""

from dataclasses import replace

from weir_agents.conversation import ConversationReader
from weir_agents.facts import NO_AGENT, AgentFacts, camel, meanings, numbers
from weir_agents.turns import Call, Result

FAILING = "================ 1 failed, 4 passed in 0.32s ================"
WORDS = {"text_chars": 0, "last_text_chars": 0, "recent_text_chars": 0, "stopped": False}
PASSING = "================ 5 passed in 0.31s ================"


def bash(command: str, call_id: str = "") -> Call:
    return Call(call_id, "bash", f'{{"command": "{command}"}}')


def read(*pieces: tuple[Call, Result]) -> AgentFacts:
    reader = ConversationReader()
    reader.user("Fix the parser.")
    for call, result in pieces:
        reader.assistant("", [call])
        reader.result(result)
    return reader.facts()


def test_a_plain_chat_is_no_agent() -> None:
    reader = ConversationReader()
    reader.user("How are you?")
    reader.assistant("Fine: ```bash\nls\n``` lists files.")
    reader.user("Thanks!")
    assert not reader.active
    facts = reader.facts()
    assert (facts.turns, facts.user_turns) == (1, 2)
    assert replace(facts, **WORDS, turns=0, user_turns=0) == NO_AGENT


def test_three_failing_tests_and_then_progress() -> None:
    failing = [(bash("pytest -q", str(n)), Result(str(n), FAILING)) for n in range(3)]
    stuck = read(*failing)
    assert (stuck.failing_streak, stuck.tests_failed, stuck.last_tests) == (3, 3, "fail")
    assert (stuck.error_streak, stuck.same_error, stuck.settled) == (3, 2, 0)
    assert (stuck.repeated_calls, stuck.idle_repeats) == (2, 2)
    edit = Call("9", "Edit", '{"file_path": "a.py", "new_string": "x"}')
    better = read(
        *failing, (edit, Result("9", "done")), (bash("pytest -q", "t"), Result("t", PASSING))
    )
    assert (better.failing_streak, better.last_tests, better.settled) == (0, "pass", 2)
    assert (better.edits, better.edited_files, better.edits_since_failure) == (1, 1, 1)
    assert (better.tests_since_edit, better.idle_repeats) == (1, 2)


def test_a_result_counts_once_whatever_it_says() -> None:
    once = read((bash("make", "1"), Result("1", "Error: no rule")))
    often = read((bash("make", "1"), Result("1", "Error: Error: fatal: " * 10_000)))
    assert (once.errors, often.errors) == (1, 1)
    assert once.worst_recent_error == often.worst_recent_error


def test_the_words_of_a_file_are_no_error() -> None:
    log = "import os\nraise ValueError\nTraceback (most recent call last)\n1 failed in 3s"
    facts = read((Call("1", "Read", '{"file_path": "a.log"}'), Result("1", log)))
    assert (facts.errors, facts.tests_run, facts.reads) == (0, 0, 1)


def test_results_in_the_users_messages_are_no_turns_of_the_user() -> None:
    reader = ConversationReader()
    assert reader.user("Fix it.") == "Fix it."
    reader.assistant("THOUGHT: look\n\n```bash\nls -la\n```")
    assert reader.user("<returncode>1</returncode>\n<output>\nls: cannot access</output>") is None
    facts = reader.facts()
    assert (facts.user_turns, facts.turns, facts.calls, facts.reads) == (1, 1, 1, 1)
    assert (facts.results, facts.errors, facts.turns_since_user) == (1, 1, 1)


def test_names_and_numbers_of_the_facts() -> None:
    assert camel("turns_since_user") == "turnsSinceUser"
    assert all(meanings().values())
    assert set(numbers(NO_AGENT)) < set(meanings())
