"""What is known of an agent's conversation: the fields are the CEL names (`request.agent.calls`).

All counts are of the conversation as the request carries it, within [0, MAX_COUNT].
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Final

MAX_COUNT: Final = 10**9  # no field counts further
Value = int | float | str | bool  # of one fact
UNKNOWN_SECONDS: Final = -1.0


def _count(means: str) -> Any:
    return field(default=0, metadata={"means": means})


def _flag(means: str) -> Any:
    return field(default=False, metadata={"means": means})


def _word(default: str, means: str) -> Any:
    return field(default=default, metadata={"means": means})


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """One conversation of an agent. A turn is one message of the model."""

    # How long it is.
    turns: int = _count("messages of the model so far")
    user_turns: int = _count("messages that the user wrote; results of tools are none")
    turns_since_user: int = _count("turns since the user wrote last")
    seconds_since_user: float = field(
        default=UNKNOWN_SECONDS,
        metadata={"means": "seconds since the user wrote last; -1 where no session remembers it"},
    )
    tokens: int = _count("tokens of the prompt, estimated from above")
    compacted: bool = _flag("whether earlier turns were replaced by a summary")

    # Calls of tools and what came back.
    calls: int = _count("calls of tools")
    results: int = _count("results of tools")
    result_chars: int = _count("characters of all results")
    last_result_chars: int = _count("characters of the last result")
    empty_results: int = _count("results without text")
    argument_chars: int = _count("characters of the arguments of all calls")
    repeated_calls: int = _count("calls that equal an earlier one")
    idle_repeats: int = _count("calls that equal an earlier one, with no edit in between")

    # Errors. A result counts once, whatever it says.
    errors: int = _count("results that are an error")
    last_error: bool = _flag("whether a result of the last turn with results is an error")
    error_streak: int = _count("errors in a row at the end")
    same_error: int = _count("how often the error that came last was there before")
    recent_errors: int = _count("errors among the last three results")
    worst_recent_error: int = _count(
        "the worst of the last three results: 0 none, 1 a failed command, 2 an error, 3 a crash"
    )
    trouble: int = _count("the sum of `worstRecentError` over all turns with results")

    # Tests.
    tests_run: int = _count("results that are of a run of tests")
    tests_passed: int = _count("runs of tests without a failure")
    tests_failed: int = _count("runs of tests with a failure")
    last_tests: str = _word("none", "how the last run of tests ended: `pass`, `fail` or `none`")
    failing_streak: int = _count("runs of tests in a row at the end that failed")
    tests_since_edit: int = _count("runs of tests since the last edit")

    # What the calls do.
    edits: int = _count("calls that write or change files")
    failed_edits: int = _count("edits whose result is an error")
    edit_chars: int = _count("characters of the arguments of all edits")
    edited_files: int = _count("different files that were edited")
    first_edit_turn: int = _count("the turn of the first edit, from 1; 0: none so far")
    edits_since_failure: int = _count("edits since the last error or failing test")
    stalled: int = _count("turns from the fourth on with no edit or act in the last three turns")
    production: int = _count("edits in the last five turns")
    reads: int = _count("calls that read files or lists of them")
    recent_reads: int = _count("reads and searches in the last five turns")
    reads_since_edit: int = _count("reads and searches since the last edit")
    searches: int = _count("calls that search")
    shell_calls: int = _count("calls that run a command, those that read, edit or test among them")
    web_calls: int = _count("calls that fetch or search the web")
    plans: int = _count("calls that write a plan or a to-do list")
    tasks: int = _count("calls that start another agent")
    other_calls: int = _count("calls of tools of no known kind")
    acts: int = _count("calls of such tools that change something, by their names: `cancel_order`")
    hand_overs: int = _count("calls that hand the user over to a person")
    planning: bool = _flag("whether all calls so far only read, search or plan")
    settled: int = _count("turns in a row at the end whose results are all good")

    # What the model says.
    text_chars: int = _count("characters of all messages of the model")
    last_text_chars: int = _count("characters of the model's last message")
    recent_text_chars: int = _count("characters of the model's last three messages")
    hedging: int = _count("words of doubt in the model's last three messages")
    asks: bool = _flag("whether the model's last message ends with a question")
    claims_tests: bool = _flag("whether the model's last message says that tests pass")
    stopped: bool = _flag("whether the model's last turn calls no tool")
    done: bool = _flag("whether the model says that it is done, or calls a tool to submit")

    # Which agent it is.
    subagent: bool = _flag("whether the client marks it as an agent that another one started")
    harness: str = _word("unknown", "the agent's program, such as `claude-code`; else `unknown`")


NO_AGENT: Final = AgentFacts()  # what every plain chat shares


def camel(name: str) -> str:
    """A field's name as rules and JSON write it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def names() -> dict[str, str]:
    """The fields' names as rules write them, and as the class has them."""
    return {camel(each.name): each.name for each in dataclasses.fields(AgentFacts)}


def meanings() -> dict[str, str]:
    """What each field says, by the name that rules write."""
    return {camel(each.name): each.metadata["means"] for each in dataclasses.fields(AgentFacts)}


def values(facts: AgentFacts) -> dict[str, Value]:
    """The facts by the names that rules write."""
    return {name: getattr(facts, field_name) for name, field_name in names().items()}


def numbers(facts: AgentFacts) -> dict[str, float]:
    """The facts as numbers, by the names that rules write: flags are 0 or 1, words are left out."""
    return {
        name: int(value) if isinstance(value, bool) else value
        for name, value in values(facts).items()
        if not isinstance(value, str)
    }
