"""What routers learn from: prompts' columns, their need for a strong model, battles of models."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Battles:
    """Two models' answers to one prompt, one row a battle; all columns of one length.

    `prompts` are rows of the columns they were fought over. `wins` is 1 where the first model won,
    0 where the second did and .5 for a tie. `unsure`: the first did not win, and the record does
    not say whether it lost (its `wins` is .5). `pool`: where they fought; a source is one, and
    models of two pools are not rated against one another.
    """

    prompts: Integers
    first: Integers  # of `models`
    second: Integers
    wins: Doubles
    unsure: Flags
    pool: Integers

    @classmethod
    def none(cls) -> "Battles":
        """For a task that has labels alone."""
        nothing = np.zeros(0, np.intp)
        return cls(nothing, nothing, nothing, np.zeros(0), np.zeros(0, np.bool_), nothing)

    def __len__(self) -> int:
        return len(self.prompts)

    def only(self, which: Flags | Integers) -> "Battles":
        """Some of them."""
        return Battles(
            self.prompts[which],
            self.first[which],
            self.second[which],
            self.wins[which],
            self.unsure[which],
            self.pool[which],
        )


@dataclass(frozen=True, slots=True)
class Columns:
    """`rows` has a row a prompt, standardised as the head does; `prior` is the head's logit.

    `widths` are those of the router's blocks, in the order of the columns.
    """

    router: str
    rows: Doubles
    prior: Doubles
    widths: tuple[int, ...]
    head: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Task:
    """Columns and labels to train a router on.

    `need` and `weights` have a row per prompt of `columns`; `need` is NaN for prompts that were
    only fought over. `widths` are those of the blocks that the columns are made of.
    """

    columns: Floats
    widths: tuple[int, ...]
    need: Doubles
    weights: Doubles
    battles: Battles
    models: int
    seed: int

    @property
    def labelled(self) -> Flags:
        """The prompts whose need is known."""
        return np.isfinite(self.need)

    def without(self, left_out: Flags) -> "Task":
        """The same task without some prompts: their need and their battles are forgotten."""
        return replace(
            self,
            need=np.where(left_out, np.nan, self.need),
            battles=self.battles.only(~left_out[self.battles.prompts]),
        )


_EVEN = 1e-6  # outcomes that differ by less are a tie


def from_outcomes(
    scores: Floats, prompts: Integers, groups: Integers, a_group: int, seed: int
) -> Battles:
    """As many battles of every group (a source), between models drawn at random for a prompt.

    `scores` are [prompts, models] with NaN where unknown; `prompts` says which rows may be used,
    `groups` which group each of those is of.
    """
    random = np.random.default_rng(seed)
    drawn = [
        _draw(scores, prompts[groups == group], a_group, random) for group in np.unique(groups)
    ]
    rows, first, second = (np.concatenate(part) for part in zip(*drawn, strict=True))
    gap = (scores[rows, first] - scores[rows, second]).astype(np.float64)
    wins = np.where(np.abs(gap) <= _EVEN, 0.5, (gap > 0).astype(np.float64))
    pool = np.repeat(np.unique(groups), a_group).astype(np.intp)
    return Battles(rows, first, second, wins, np.zeros(len(rows), np.bool_), pool)


def together(parts: list[Battles]) -> Battles:
    """All of them."""
    return Battles(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Battles.__dataclass_fields__
        )
    )


def _draw(
    scores: Floats, prompts: Integers, count: int, random: np.random.Generator
) -> tuple[Integers, Integers, Integers]:
    """Prompts with two models each, drawn with replacement."""
    known = np.isfinite(scores[prompts])
    fit = prompts[known.sum(axis=1) > 1]
    rows = random.choice(fit, count)
    lots: Doubles = random.random((count, scores.shape[1]))
    lots = np.where(np.isfinite(scores[rows]), lots, -1.0)
    two = np.argpartition(-lots, 1, axis=1)[:, :2]
    return rows.astype(np.intp), two[:, 0].astype(np.intp), two[:, 1].astype(np.intp)
