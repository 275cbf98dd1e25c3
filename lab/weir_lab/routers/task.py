"""What the routers learn from: prompts' columns, how much each needed a strong model, battles.

Values only. Must not know where they come from nor which router reads what.
"""

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
