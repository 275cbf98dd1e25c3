"""Collapses what adds length and no meaning: white space, and the same words again and again. Pure.

Linear in the text, which the caller has cut. Only a text that compresses well pays for the search
for repetition.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SUSPICIOUS = 0.5  # compressed size over size; prose has .55 to .8, code .35 to .5
_SHORT = 48  # characters; such a text doesn't compress, and is searched by an expression
_PASSES = 8  # a collapse may put equal parts side by side; in practice two passes do
_LINE = 12  # characters; shorter lines, such as a closing bracket, may occur again
_WORD_COPIES = 3  # of a phrase of up to _PERIOD words, in a row
_CHARACTER_COPIES = 4  # of up to _PERIOD characters, in a row
_PERIOD = 16

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\ufeff]")
_BLANK_LINES = re.compile(r"\n{3,}")
_PICTURE = "\u2600-\u27bf\U0001f000-\U0001faff\ufe0f\u200d"
_PICTURES = re.compile(f"([{_PICTURE}][{_PICTURE} ]{{2}})[{_PICTURE} ]+")
_SENTENCE = re.compile(
    r"[^.!?。！？।؟\n]+[.!?。！？।؟]*\s*|[.!?。！？।؟\n]+\s*"  # noqa: RUF001 - the marks of other scripts are meant
)
_WORD = re.compile(r"\S+\s*")
_SHORT_RUN = re.compile(r"(\S.{0,11}?)(?:\s?\1){2}", re.DOTALL)


def collapse(text: str) -> str:
    """One space between words, one blank line between paragraphs, nothing said again and again.

    The text keeps its lines.
    """
    clean = collapse_space(text)
    if not text.isascii():
        clean = _PICTURES.sub(r"\1", clean)
    for _ in range(_PASSES):
        before = len(clean)
        for once in (_sentences_once, _phrases_once, _characters_once):
            if not _repeats(clean):
                return clean
            clean = collapse_space(once(clean))
        if len(clean) == before:
            break
    return clean


def collapse_space(text: str) -> str:
    """Controls dropped, white space collapsed, ends stripped; the text keeps its lines."""
    lines = _CONTROL.sub(" ", text).split("\n")
    joined = "\n".join([" ".join(line.split()) for line in lines])
    return _BLANK_LINES.sub("\n\n", joined).strip()


def _repeats(text: str) -> bool:
    if len(text) < _SHORT:
        return _SHORT_RUN.search(text) is not None
    data = text.encode("utf-8", "replace")
    return len(zlib.compress(data, 1)) < _SUSPICIOUS * len(data)


def _sentences_once(text: str) -> str:
    """The text without the sentences and lines that were in it before."""
    seen: set[str] = set()
    left: list[str] = []
    for match in _SENTENCE.finditer(text):
        part = match.group()
        key = part.strip()
        if len(key) > _LINE:
            if key in seen:
                continue
            seen.add(key)
        left.append(part)
    return "".join(left)


def _phrases_once(text: str) -> str:
    words = _WORD.findall(text)
    return "".join(_periods_once(words, [word.strip() for word in words], _WORD_COPIES))


def _characters_once(text: str) -> str:
    return "".join(_periods_once(text, text, _CHARACTER_COPIES))


def _periods_once(parts: Sequence[str], keys: Sequence[str], copies: int) -> Sequence[str]:
    """`parts`, where what stands `copies` times or more in a row is left once.

    Parts are alike if their keys are; numbers are never left out, since 000 isn't 0.
    """
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)
    digits = np.array([key.isdigit() for key in numbers], dtype=np.bool_)
    where = np.arange(len(ids))
    for period in range(1, _PERIOD + 1):
        left = _mask(ids[where], digits, period, copies)
        where = where[left]
    return parts if len(where) == len(parts) else [parts[index] for index in where.tolist()]


def _mask(
    ids: NDArray[np.intp], digits: NDArray[np.bool_], period: int, copies: int
) -> NDArray[np.bool_]:
    """Which items are left after runs of one period have been cut to that period."""
    left = np.ones(len(ids), dtype=np.bool_)
    if len(ids) < period * copies:
        return left
    same = ids[period:] == ids[:-period]
    if np.count_nonzero(same) < period * (copies - 1):
        return left
    same &= ~digits[ids[period:]]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False]))))
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start >= period * (copies - 1):
            left[start + period : stop + period] = False
    return left
