"""The numbers that the scores weigh, each from one conversation's facts.

Counts are on a logarithmic scale: the tenth error says less than the first.
"""

from collections.abc import Callable, Mapping
from math import log1p
from typing import Final

from weir_agents.facts import AgentFacts

Feature = Callable[[AgentFacts], float]

_WORST: Final = 3  # of a result's severity
_MUCH: Final = 0.3  # trouble above what good runs have as well
_FEW: Final = 5  # turns: one error among fewer is no trend


def _trouble(facts: AgentFacts) -> float:
    """The mean severity of the turns' worst errors, in [0,1]."""
    return facts.trouble / (max(facts.turns, _FEW) * _WORST)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


FEATURES: Final[Mapping[str, Feature]] = {
    # How much was done.
    "turns": lambda facts: log1p(facts.turns),
    "turnsSinceUser": lambda facts: log1p(facts.turns_since_user),
    "userTurns": lambda facts: log1p(facts.user_turns),
    "calls": lambda facts: log1p(facts.calls),
    "text": lambda facts: log1p(facts.text_chars),
    "textPerTurn": lambda facts: log1p(_share(facts.text_chars, facts.turns)),
    "lastText": lambda facts: log1p(facts.last_text_chars),
    "arguments": lambda facts: log1p(facts.argument_chars),
    "results": lambda facts: log1p(facts.result_chars),
    "lastResult": lambda facts: log1p(facts.last_result_chars),
    # Errors.
    "trouble": _trouble,
    "muchTrouble": lambda facts: max(_trouble(facts) - _MUCH, 0.0),
    "errors": lambda facts: _share(facts.errors, facts.results),
    "worstRecentError": lambda facts: facts.worst_recent_error / _WORST,
    "errorStreak": lambda facts: log1p(facts.error_streak),
    "sameError": lambda facts: log1p(facts.same_error),
    "failedEdits": lambda facts: log1p(facts.failed_edits),
    # Progress.
    "stalled": lambda facts: _share(facts.stalled, facts.turns),
    "changes": lambda facts: log1p(facts.edits + facts.acts),
    "changeShare": lambda facts: _share(facts.edits + facts.acts, facts.calls),
    "production": lambda facts: log1p(facts.production),
    "looks": lambda facts: log1p(facts.reads + facts.searches),
    "idleRepeats": lambda facts: log1p(facts.idle_repeats),
    "repeatedCalls": lambda facts: log1p(facts.repeated_calls),
    "settled": lambda facts: log1p(facts.settled),
    # Tests.
    "testsPassed": lambda facts: log1p(facts.tests_passed),
    "testsFailed": lambda facts: log1p(facts.tests_failed),
    "failingStreak": lambda facts: log1p(facts.failing_streak),
    "lastTestsPassed": lambda facts: float(facts.last_tests == "pass"),
    "unverified": lambda facts: float(facts.edits > 0 and not facts.tests_since_edit),
    # What the model says and how it ends.
    "hedging": lambda facts: log1p(facts.hedging),
    "asks": lambda facts: float(facts.asks),
    "done": lambda facts: float(facts.done),
    "stopped": lambda facts: float(facts.stopped),
    "unfinished": lambda facts: float(facts.shell_calls > 0 and not (facts.done or facts.stopped)),
    "handOver": lambda facts: float(facts.hand_overs > 0),
    "compacted": lambda facts: float(facts.compacted),
}
