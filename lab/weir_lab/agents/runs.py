"""Recorded runs of agents, read from a file of turns: one turn of the model a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Final

from weir_agents.conversation import ConversationReader
from weir_agents.facts import AgentFacts
from weir_agents.turns import Call, Result
from weir_lab.datasets.parquet import read_columns
from weir_lab.errors import DataError

COLUMNS: Final = (
    *("trajectory_id", "task_id", "source", "harness", "model", "turn", "resolved"),
    *("obs_roles", "obs_text", "obs_chars", "obs_error"),
    *("asst_text", "asst_chars", "call_names", "call_args"),
)
_MODEL: Final = "model_norm"  # the model's plain name, where the file has it
_COST: Final = "traj_cost_usd"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgentRun:
    """One run of an agent on one task."""

    task: str
    source: str
    harness: str
    model: str
    failed: bool
    cost: float  # USD; NaN where unknown
    rows: tuple[Row, ...]  # its turns, in order

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def task_chars(self) -> int:
        """Characters of the first message that has any."""
        return next((int(row["obs_chars"]) for row in self.rows if row["obs_chars"]), 0)

    def facts(self, turns: int | None = None) -> AgentFacts:
        """What a gateway knows before the model answers again after so many turns.

        None: what it knows of the whole run, its last answer with it.
        """
        reader = ConversationReader()
        count = len(self.rows) if turns is None else turns
        for row in self.rows[:count]:
            _read_input(reader, row)
            reader.assistant(_padded(row["asst_text"], row["asst_chars"]), _calls(row))
        if turns is not None and turns < len(self.rows):
            _read_input(reader, self.rows[turns])
        return reader.facts()


def load_runs(path: Path) -> list[AgentRun]:
    """The runs of a parquet file. Raises DataError."""
    columns, count = read_columns(path)
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise DataError(f"{path}: no column {missing[0]}: not a file of agents' turns")
    runs: dict[tuple[object, ...], list[Row]] = {}
    for n in range(count):
        row = {name: values[n] for name, values in columns.items()}
        key = (row["trajectory_id"], row["harness"], row["task_id"])
        runs.setdefault(key, []).append(row)
    if not runs:
        raise DataError(f"{path}: no rows")
    return [_run(rows) for rows in runs.values()]


def _run(rows: Sequence[Row]) -> AgentRun:
    ordered = sorted(rows, key=lambda row: row["turn"])
    first = ordered[0]
    return AgentRun(
        task=str(first["task_id"]),
        source=str(first["source"]),
        harness=str(first["harness"]),
        model=str(first.get(_MODEL) or first["model"]),
        failed=not first["resolved"],
        cost=nan if first.get(_COST) is None else float(first[_COST]),
        rows=tuple(ordered),
    )


def _read_input(reader: ConversationReader, row: Row) -> None:
    """What came in before a turn: the user's messages, or the results of the last calls."""
    roles = str(row["obs_roles"] or "").split(",")
    results = roles.count("tool")
    text, error = str(row["obs_text"] or ""), row["obs_error"]
    if not results:
        if text:
            reader.user(text)
        return
    chars = int(row["obs_chars"]) // results
    flag = None if error is None else bool(error)
    # The file has one text for all results of a turn: the first one has it.
    reader.result(Result("", text, chars, flag))
    for _ in range(results - 1):
        reader.result(Result("", "", chars, None if flag is None else False))


def _calls(row: Row) -> list[Call]:
    names = [name for name in str(row["call_names"] or "").split(",") if name]
    written = str(row["call_args"] or "")
    if len(names) == 1:
        return [Call("", names[0], written)]
    arguments = written.split("\n")
    if len(arguments) != len(names):
        arguments = [written] * len(names)
    return [Call("", name, each) for name, each in zip(names, arguments, strict=True)]


def _padded(text: str | None, chars: int) -> str:
    """A text that the file cut, at its own length: the middle is what the file lacks."""
    text = text or ""
    half = len(text) // 2
    return text[:half] + " " * max(chars - len(text), 0) + text[half:]
