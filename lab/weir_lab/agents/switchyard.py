"""The idea of NVIDIA's Switchyard as a baseline: its published formula, on recorded turns.

A turn's score is tanh(0.5 * (severity / 0.7 + spinning + exploring - production)), over the last
three results and calls. It was written anew from the public description; a run's figure is the mean
over its turns. Calls of a shell are read as reads and writes, which favours it.
"""

from collections.abc import Iterator, Sequence
from math import tanh
from typing import Final

from weir_agents.tool_kind import ToolKind
from weir_agents.tools import read_call
from weir_agents.turns import Call
from weir_lab.agents.runs import AgentRun, Row

_WINDOW: Final = 3  # results and calls
_DEEP: Final = 8  # messages from which a run without writes stalls
_SOFT, _HARD, _CRITICAL = 0.3, 0.7, 1.0
_HARD_WORDS: Final = (
    *("connection refused", "traceback (most recent", "modulenotfounderror:", "importerror:"),
    *("no module named ", "command not found", "assertionerror", "valueerror:", "syntaxerror:"),
    *("timed out", "timeouterror", "filenotfounderror:", "no such file or directory"),
)
_CRITICAL_WORDS: Final = ("out of memory", "memoryerror", "cannot allocate memory")
_LOOKS: Final = frozenset({ToolKind.READ, ToolKind.SEARCH, ToolKind.PLAN})


def switchyard_score(run: AgentRun, turns: int | None = None) -> float:
    """The mean of the turns' scores, before the turn after so many; None: of the whole run."""
    rows = run.rows if turns is None else run.rows[: turns + 1]
    scores = list(_scores(rows))
    return sum(scores) / len(scores)


def _scores(rows: Sequence[Row]) -> Iterator[float]:
    severities: list[float] = []
    calls: list[ToolKind] = []
    for number, row in enumerate(rows):
        if number and "tool" in str(row["obs_roles"] or ""):
            severities.append(_severity(row))
        recent = calls[-_WINDOW:]
        writes = sum(kind is ToolKind.EDIT for kind in recent)
        looks = sum(kind in _LOOKS for kind in recent)
        stalled = 2 * number + 1 >= _DEEP and not writes  # spinning or exploring
        production = writes / (writes + looks) if writes + looks else 0.0
        worst = max(severities[-_WINDOW:], default=0.0)
        yield tanh(0.5 * (worst / _HARD + stalled - production))
        names = [name for name in str(row["call_names"] or "").split(",") if name]
        calls.extend(read_call(Call("", name, str(row["call_args"]))).kind for name in names)


def _severity(row: Row) -> float:
    text = str(row["obs_text"]).lower()
    if any(word in text for word in _CRITICAL_WORDS):
        return _CRITICAL
    if any(word in text for word in _HARD_WORDS):
        return _HARD
    return _SOFT if row["obs_error"] else 0.0
