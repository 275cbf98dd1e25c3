"""What the surface of a text says about its difficulty, of its asking part and of the whole. Pure.

Characters are counted once, by numpy, over code points; words once, by one table from word to
group. VERSION names the columns' meaning: a head trained on one version must never read another's.
"""

import re

import numpy as np
from numpy.typing import NDArray

from weir_scorer.features.counts import (
    character_groups,
    character_shares,
    count_characters,
    count_groups,
    word_groups,
)
from weir_scorer.features.cues import PARTS, WORDS
from weir_scorer.features.reading import Reading
from weir_scorer.features.words import WIDE, words_of

VERSION = 1

_LONG_WORD = 9  # characters
_WIDE_CHARACTER = 3  # Latin characters that say as much as a Chinese one
_WIDE_WORD = 2  # Chinese characters in a word

# Column = logarithm of 1 + how many of these characters.
_CHARACTERS = {
    "maths_marks": "=+*/^<>|%",
    "brackets": "()[]",
    "braces": "{}",
    "code_marks": ";`_#&@~",
    "backslashes": "\\",
    "dollars": "$",
    "question_marks": "?",
    "exclamations": "!",
    "quotes": "\"'",
    "colons": ":",
    "commas": ",",
}

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CHOICE = re.compile(r"^\(?[A-J][.):] ?", re.MULTILINE)  # A. B) (C)
_ITEM = re.compile(r"^ *(?:[-*•]|\d{1,2}[.)]) ", re.MULTILINE)  # bullets and numbered lists
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|(?<=[\u3040-\u9fff])[!?]|[。।؟]")

COUNTED = (
    "characters",
    "words",
    "lines",
    "sentences",
    "word_length",
    "long_words",
    "distinct_words",
    "digits",
    "capitals",
    "not_ascii",
    "numbers",
    "choices",
    "items",
    *_CHARACTERS,
    *WORDS,
)
NAMES = (
    "length",  # of the whole text, also where it wasn't read
    "ask_share",
    *(f"ask_{name}" for name in COUNTED),
    *COUNTED,
)


_CHARACTER_GROUPS = character_groups(_CHARACTERS)
_WORD_GROUPS = word_groups(WORDS)
_WIDE_GROUPS = {
    column: re.compile("|".join(PARTS[name].split()))
    for column, name in enumerate(WORDS)
    if name in PARTS
}


def surface(reading: Reading) -> NDArray[np.float32]:
    """The columns NAMES: counts as logarithms, shares in [0,1]; all finite."""
    whole = _count(reading.text)
    ask = whole if reading.ask == reading.text else _count(reading.ask)
    ends = [np.log1p(reading.chars), len(reading.ask) / max(reading.chars, 1)]
    return np.concatenate([np.array(ends, dtype=np.float32), ask, whole])


def _count(text: str) -> NDArray[np.float32]:
    counts = count_characters(text)
    words = words_of(text)
    wide = 0 if text.isascii() else len(WIDE.findall(text))
    numbers = [
        len(text) + (_WIDE_CHARACTER - 1) * wide,
        len(words) + wide // _WIDE_WORD,
        text.count("\n"),
        len(_SENTENCE_END.findall(text)),
        _mean_length(words),
        len(_NUMBER.findall(text)),
        len(_CHOICE.findall(text)),
        len(_ITEM.findall(text)),
    ]
    logs = np.log1p(np.array(numbers, dtype=np.float32))
    shares = np.array([*_word_shares(words), *character_shares(counts)], dtype=np.float32)
    marks = np.log1p(_CHARACTER_GROUPS @ counts)
    groups = np.log1p(_count_groups(text, words, wide))
    return np.concatenate([logs[:5], shares, logs[5:], marks, groups])


def _mean_length(words: list[str]) -> float:
    return sum(map(len, words)) / len(words) if words else 0.0


def _word_shares(words: list[str]) -> tuple[float, float]:
    if not words:
        return 0.0, 0.0
    long = sum(len(word) >= _LONG_WORD for word in words)
    return long / len(words), len(set(words)) / len(words)


def _count_groups(text: str, words: list[str], wide: int) -> NDArray[np.float32]:
    totals = count_groups(words, _WORD_GROUPS, len(WORDS))
    if wide:
        for column, pattern in _WIDE_GROUPS.items():
            totals[column] += len(pattern.findall(text))
    return totals
