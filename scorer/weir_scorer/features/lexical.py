"""What the surface of a text says about its difficulty: 36 numbers, some 50 microseconds. Pure.

Characters are counted once, by numpy, over code points; words once, by one table from word to
group; only what neither can see (numbers, list markers) costs a regular expression. VERSION
names the columns' meaning: a head trained on one version must never read another's.
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

VERSION = 1
MAX_CHARS = 2000  # read at most; the first column still knows the whole length

_LONG_WORD = 9  # characters

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

# Column = logarithm of 1 + how many of these words, in any case.
_WORDS = {
    "fact_words": "who what when where which whose whom",
    "reason_words": "why how explain describe discuss compare contrast analyze analyse evaluate",
    "solve_words": (
        "prove derive solve calculate compute determine find show estimate simplify integrate"
    ),
    "write_words": "write create generate compose draft design implement build make code",
    "rework_words": "translate summarize summarise rewrite paraphrase correct fix convert extract",
    "limit_words": "must should only exactly least most without except every each all none",
    "negations": "not no never neither nor cannot false incorrect",
    "condition_words": "if then suppose assume given let when unless such where",
    "link_words": "because therefore however although thus hence since while but",
    "person_words": "i me my you your we our us",
    "code_words": (
        "def class return import function var const public void int string select from print"
    ),
    "science_words": (
        "function equation velocity mass energy probability matrix integer polynomial electron "
        "molecule acid temperature pressure reaction theorem vector"
    ),
}

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CHOICE = re.compile(r"^\(?[A-J][.):] ?", re.MULTILINE)  # A. B) (C)
_ITEM = re.compile(r"^ *(?:[-*•]|\d{1,2}[.)]) ", re.MULTILINE)  # bullets and numbered lists
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)")  # noqa: RUF001 - the full-width marks are meant

NAMES = (
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
    *_WORDS,
)


_CHARACTER_GROUPS = character_groups(_CHARACTERS)
_WORD_GROUPS = word_groups(_WORDS)


def lexical(text: str) -> NDArray[np.float32]:
    """The columns NAMES of a normalised text: counts as logarithms, shares in [0,1]; all finite."""
    head = text[:MAX_CHARS]
    counts = count_characters(head)
    words = _WORD.findall(head.lower())
    surface = [
        np.log1p(len(text)),
        np.log1p(len(words)),
        np.log1p(head.count("\n")),
        np.log1p(len(_SENTENCE_END.findall(head))),
        *_word_shape(words),
        *character_shares(counts),
        np.log1p(len(_NUMBER.findall(head))),
        np.log1p(len(_CHOICE.findall(head))),
        np.log1p(len(_ITEM.findall(head))),
    ]
    marks = np.log1p(_CHARACTER_GROUPS @ counts)
    groups = np.log1p(count_groups(words, _WORD_GROUPS, len(_WORDS)))
    return np.concatenate([np.array(surface, dtype=np.float32), marks, groups])


def _word_shape(words: list[str]) -> tuple[float, float, float]:
    if not words:
        return 0.0, 0.0, 0.0
    letters = sum(map(len, words))
    long = sum(len(word) >= _LONG_WORD for word in words)
    return np.log1p(letters / len(words)), long / len(words), len(set(words)) / len(words)
