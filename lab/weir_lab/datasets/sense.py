"""Easy and hard prompts that test a router's good sense, read from JSONL and text files.

A prompt is the user's turns, the last one last. Such a test has no outcomes: its author says which
prompt of a pair is the hard one.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

from weir_lab.datasets.checks import labels, require, texts
from weir_lab.datasets.tables import Table, read_table
from weir_lab.errors import DataError

Turns = tuple[str, ...]  # a conversation's user turns; most have one

_BREAK = "---"  # the line between two filler texts


class PairKind(StrEnum):
    """How the two prompts of a pair differ beside their difficulty."""

    NATURAL = "natural"  # the easy one is short, as in life
    LIKE_LENGTH = "like_length"  # within 10 % in characters
    HARD_SHORTER = "hard_shorter"
    PASTED = "pasted"
    CHAT = "chat"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class SensePair:
    """An easy and a hard prompt."""

    id: str
    language: str  # ISO 639-1
    kind: PairKind
    easy: Turns
    hard: Turns


@dataclass(frozen=True, slots=True)
class SenseChat:
    """A conversation that is hard or easy by its last turn."""

    turns: Turns
    hard: bool


def load_sense_pairs(path: Path) -> tuple[SensePair, ...]:
    """Read {id, language, kind, easy, hard}, one pair a line. Raises DataError."""
    table = read_table(path)
    require(table, ("id", "language", "kind", "easy", "hard"), "pairs of prompts")
    return tuple(
        SensePair(name, language, kind, easy, hard)
        for name, language, kind, easy, hard in zip(
            texts(table, "id"),
            labels(table, "language", "en"),
            _kinds(table),
            _turns(table, "easy"),
            _turns(table, "hard"),
            strict=True,
        )
    )


def load_sense_chats(path: Path) -> tuple[SenseChat, ...]:
    """Read {turns, hard}, one chat a line. Raises DataError."""
    table = read_table(path)
    require(table, ("turns", "hard"), "chats")
    for index, value in enumerate(table.columns["hard"]):
        if not isinstance(value, bool):
            raise DataError(f"{table.at(index, 'hard')}: true or false is needed")
    hard = [value is True for value in table.columns["hard"]]
    return tuple(map(SenseChat, _turns(table, "turns"), hard))


def load_filler(path: Path) -> tuple[str, ...]:
    """Read the texts that a file separates by lines of `---`. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8") from error
    ends = [index for index, line in enumerate(lines) if line == _BREAK]
    starts = [0, *(end + 1 for end in ends)]
    passages = [
        "\n".join(lines[start:end]).strip()
        for start, end in zip(starts, [*ends, len(lines)], strict=True)
    ]
    if not all(passages):
        raise DataError(f"{path}: a text between two lines of {_BREAK} is empty")
    return tuple(passages)


def _kinds(table: Table) -> list[PairKind]:
    found: list[PairKind] = []
    for index, value in enumerate(table.columns["kind"]):
        try:
            found.append(PairKind(str(value)))
        except ValueError as error:
            raise DataError(f"{table.at(index, 'kind')}: one of {', '.join(PairKind)}") from error
    return found


def _turns(table: Table, name: str) -> list[Turns]:
    return [_one(table.at(index, name), value) for index, value in enumerate(table.columns[name])]


def _one(at: str, value: object) -> Turns:
    turns = cast("list[object]", value) if isinstance(value, list) else [value]
    found = tuple(turn for turn in turns if isinstance(turn, str) and turn.strip())
    if not found or len(found) != len(turns):
        raise DataError(f"{at}: a text is needed, or a list of texts")
    return found
