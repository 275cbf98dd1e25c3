"""Recorded preferences: of two answers, which one a person or a judge preferred.

Two forms: `prompt, model_a, model_b, winner`, and Chatbot Arena's public one, where the prompt is
the user's turns of `conversation_a`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

import numpy as np
from numpy.typing import NDArray

from weir_lab.datasets import checks
from weir_lab.datasets.tables import Table
from weir_lab.errors import DataError

REQUIRED = ("prompt", "model_a", "model_b", "winner")
_ARENA = ("conversation_a", "conversation_b", "model_a", "model_b", "winner")


class Winner(StrEnum):
    """A comparison's result. NOT_A: model B won or it was a tie, the record doesn't say which."""

    A = "model_a"
    B = "model_b"
    TIE = "tie"
    NOT_A = "not_model_a"


_WINNERS = {
    "model_a": Winner.A,
    "model_b": Winner.B,
    "tie": Winner.TIE,
    "tie (bothbad)": Winner.TIE,
    "tie (both bad)": Winner.TIE,
    "both_bad": Winner.TIE,
    "bothbad": Winner.TIE,
    "not_model_a": Winner.NOT_A,
}


@dataclass(frozen=True, slots=True)
class Battles:
    """One row a comparison; all four of one length."""

    prompts: tuple[str, ...]
    model_a: tuple[str, ...]
    model_b: tuple[str, ...]
    winners: tuple[Winner, ...]

    def __len__(self) -> int:
        return len(self.prompts)

    def only(self, keep: NDArray[np.bool_]) -> "Battles":
        """The marked rows."""
        rows = np.flatnonzero(keep)
        return Battles(
            prompts=tuple(self.prompts[k] for k in rows),
            model_a=tuple(self.model_a[k] for k in rows),
            model_b=tuple(self.model_b[k] for k in rows),
            winners=tuple(self.winners[k] for k in rows),
        )


def parse_battles(table: Table) -> Battles:
    """Check a table of preferences in either form. Raises DataError naming row and column."""
    if "conversation_a" in table.columns:
        checks.require(table, _ARENA, "Chatbot Arena's battles")
        prompts = tuple(_user_turns(table, index) for index in range(len(table)))
    else:
        checks.require(table, REQUIRED, "preferences")
        prompts = checks.texts(table, "prompt")
    model_a = checks.texts(table, "model_a")
    model_b = checks.texts(table, "model_b")
    for index, (one, other) in enumerate(zip(model_a, model_b, strict=True)):
        if one == other:
            raise DataError(f"{table.at(index, 'model_b')}: {other!r} is compared with itself")
    winners = tuple(_winner(table, index) for index in range(len(table)))
    return Battles(prompts, model_a, model_b, winners)


def gather_battles(parts: Sequence[Battles]) -> Battles:
    """The comparisons of all `parts`, each distinct one once."""
    rows = dict.fromkeys(
        row
        for part in parts
        for row in zip(part.prompts, part.model_a, part.model_b, part.winners, strict=True)
    )
    return Battles(
        prompts=tuple(row[0] for row in rows),
        model_a=tuple(row[1] for row in rows),
        model_b=tuple(row[2] for row in rows),
        winners=tuple(row[3] for row in rows),
    )


def _winner(table: Table, index: int) -> Winner:
    value = table.columns["winner"][index]
    winner = _WINNERS.get(str(value).strip().lower())
    if winner is None:
        raise DataError(
            f"{table.at(index, 'winner')}: {value!r} is not one of {', '.join(_WINNERS)}"
        )
    return winner


def _user_turns(table: Table, index: int) -> str:
    turns = table.columns["conversation_a"][index]
    if not isinstance(turns, list) or not all(
        isinstance(turn, Mapping) for turn in cast("list[object]", turns)
    ):
        raise DataError(f"{table.at(index, 'conversation_a')}: a list of messages is needed")
    messages = [
        str(turn.get("content") or "")
        for turn in cast("list[Mapping[str, object]]", turns)
        if turn.get("role") == "user"
    ]
    text = "\n\n".join(messages)
    if not text.strip():
        raise DataError(f"{table.at(index, 'conversation_a')}: no message of the user's")
    return text
