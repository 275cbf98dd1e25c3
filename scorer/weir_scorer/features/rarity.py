"""How rare the words of a text are: rare words are asked about by people with hard questions. Pure.

A word's level is minus the logarithm of its probability, from a table by the word's hash. A word
that the table lacks counts as its longest known beginning and a bit more for each letter left.
Scripts without spaces are split into the longest known pieces.
"""

import math
import re
from collections.abc import Mapping
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from weir_scorer.features.reading import Reading
from weir_scorer.features.words import WIDE, words_of

VERSION = 1
STEP = 0.1  # of a level in the table, which holds whole numbers
LONGEST_PIECE = 3  # characters of scripts without spaces that are looked up together

_UNKNOWN = 14.0  # a word with no known beginning; and as much again for its letters
_LETTER = 1.3  # for each letter after a known beginning
_BEGINNING = 3  # letters at least
_READ = 24  # letters of a word
_HIGHEST = 26.0
_BARS = (13.0, 16.0)  # levels from which on a word counts as rare, and as very rare
_TOP = 3

_WIDE_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")

NAMES = (
    "rarity_mean",
    "rarity_highest",
    "rarity_top",
    "rarity_quarter",
    "rare_share",
    "very_rare_share",
    "rare_words",
    "very_rare_words",
)

Levels = Mapping[int, int]  # hash of a word -> its level in STEPs


def word_hash(word: str) -> int:
    """The key of a word in lower case in the table."""
    return crc32(word.encode("utf-8", "replace"))


def rarity(reading: Reading, levels: Levels) -> NDArray[np.float32]:
    """The columns NAMES of the asking part: levels, shares in [0,1], and counts as logarithms."""
    found: list[float] = []
    for word in words_of(reading.ask):
        known = levels.get(word_hash(word))
        if known is not None:
            found.append(known * STEP)
        elif WIDE.search(word):
            for run in _WIDE_RUN.findall(word):
                found += _pieces(run, levels)
        else:
            found.append(_by_beginning(word, levels))
    return _columns(found)


def _by_beginning(word: str, levels: Levels) -> float:
    for end in range(min(len(word), _READ) - 1, _BEGINNING - 1, -1):
        known = levels.get(word_hash(word[:end]))
        if known is not None:
            return min(known * STEP + _LETTER * (len(word) - end + 1), _HIGHEST)
    return min(_UNKNOWN + len(word), _HIGHEST)


def _pieces(run: str, levels: Levels) -> list[float]:
    found: list[float] = []
    start = 0
    while start < len(run):
        for length in range(LONGEST_PIECE, 0, -1):
            known = levels.get(word_hash(run[start : start + length]))
            if known is not None:
                found.append(known * STEP)
                break
        else:
            found.append(_UNKNOWN + 2)
            length = 1
        start += length
    return found


def _columns(levels: list[float]) -> NDArray[np.float32]:
    if not levels:
        return np.zeros(len(NAMES), dtype=np.float32)
    levels.sort(reverse=True)
    count = len(levels)
    quarter = levels[: max(count // 4, 1)]
    top = levels[:_TOP]
    rare, very_rare = (sum(level > bar for level in levels) for bar in _BARS)
    columns = [
        sum(levels) / count,
        levels[0],
        sum(top) / len(top),
        sum(quarter) / len(quarter),
        rare / count,
        very_rare / count,
        math.log1p(rare),
        math.log1p(very_rare),
    ]
    return np.array(columns, dtype=np.float32)
