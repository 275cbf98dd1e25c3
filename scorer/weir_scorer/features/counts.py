"""Counts of characters and words, by table: what the columns of a text's surface share. Pure.

Characters are counted once, by numpy, over code points; those beyond ASCII share one bin.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

ASCII = 128  # code points from here on share one bin

Counts = NDArray[np.float32]  # of characters: [ASCII + 1]
WordColumns = Mapping[str, tuple[int, ...]]  # a word's columns


def character_groups(characters: Mapping[str, str]) -> NDArray[np.float32]:
    """A row a name: 1 at each of its characters, so that rows times counts are its counts."""
    groups = np.zeros((len(characters), ASCII + 1), dtype=np.float32)
    for row, group in enumerate(characters.values()):
        groups[row, [ord(character) for character in group]] = 1
    return groups


def word_groups(words: Mapping[str, str]) -> WordColumns:
    """The columns of each word of a table of words by name, separated by spaces."""
    groups: dict[str, tuple[int, ...]] = {}
    for column, group in enumerate(words.values()):
        for word in group.split():
            groups[word] = (*groups.get(word, ()), column)
    return groups


def count_characters(text: str) -> Counts:
    """How often each ASCII character stands in `text`, and all others together."""
    points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    bins = np.minimum(points, ASCII).astype(np.intp)
    return np.bincount(bins, minlength=ASCII + 1).astype(np.float32)


def character_shares(counts: Counts) -> tuple[float, float, float]:
    """The shares of digits, capitals and characters beyond ASCII, in [0,1]."""
    total = max(float(counts.sum()), 1.0)
    digits = float(counts[ord("0") : ord("9") + 1].sum())
    capitals = float(counts[ord("A") : ord("Z") + 1].sum())
    return digits / total, capitals / total, float(counts[ASCII]) / total


def count_groups(words: Sequence[str], groups: WordColumns, columns: int) -> NDArray[np.float32]:
    """How many of `words` belong to each column."""
    totals = np.zeros(columns, dtype=np.float32)
    for word, count in Counter(words).items():
        for column in groups.get(word, ()):
            totals[column] += count
    return totals
