"""Training prompts that an evaluation set also has: equal texts and shared 13-grams of words.

Figures measured on prompts that were trained on are too good.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.datasets.texts import fingerprint, words

GRAM = 13  # words; what the field uses against contamination


@dataclass(frozen=True, slots=True)
class Leaks:
    """One flag a training prompt."""

    equal: NDArray[np.bool_]
    overlapping: NDArray[np.bool_]  # shares a 13-gram; includes the equal ones long enough

    @property
    def any(self) -> NDArray[np.bool_]:
        """Flagged either way."""
        return self.equal | self.overlapping

    @property
    def summary(self) -> str:
        """One sentence for a report."""
        return (
            f"{int(self.equal.sum())} prompts equal one of the evaluation's and "
            f"{int((self.overlapping & ~self.equal).sum())} more share {GRAM} words in a row"
        )


def find_leaks(train: Sequence[str], held_out: Sequence[str]) -> Leaks:
    """Flag the training prompts that also occur among `held_out`."""
    known = {fingerprint(text) for text in held_out}
    equal = np.array([fingerprint(text) in known for text in train], dtype=np.bool_)
    vocabulary: dict[str, int] = {}
    grams, _ = _grams(held_out, vocabulary)
    seen = np.unique(grams)
    mine, owner = _grams(train, vocabulary)
    overlapping = np.zeros(len(train), dtype=np.bool_)
    overlapping[owner[np.isin(mine, seen)]] = True
    return Leaks(equal, overlapping)


def _grams(
    texts: Sequence[str], vocabulary: dict[str, int]
) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """A 64-bit hash of every run of GRAM words, and the index of its text."""
    numbers = [[vocabulary.setdefault(w, len(vocabulary)) for w in words(text)] for text in texts]
    lengths = np.array([len(row) for row in numbers], dtype=np.intp)
    flat = np.fromiter((n for row in numbers for n in row), dtype=np.int64, count=lengths.sum())
    if len(flat) < GRAM:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.intp)
    # A gram's hash is the sum of its words' hashes, each mixed with its position.
    starts = len(flat) - GRAM + 1
    hashes = np.zeros(starts, dtype=np.uint64)
    for offset in range(GRAM):
        hashes += _mixed(
            flat[offset : offset + starts].astype(np.uint64) * np.uint64(GRAM) + np.uint64(offset)
        )
    owner = np.repeat(np.arange(len(texts)), lengths)
    whole = owner[:starts] == owner[GRAM - 1 :]
    return hashes[whole], owner[:starts][whole]


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit hash of each number (the finaliser of splitmix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
