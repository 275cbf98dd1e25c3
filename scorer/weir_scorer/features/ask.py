"""Finds the part of a text that says what is wanted: the first or last paragraph or so. Pure.

Nothing is understood: place, question marks and a few words decide, which cues.py lists. Where
they decide nothing, both ends are taken. A short text is all ask.
"""

import re

from weir_scorer.features.cues import PARTS, WORDS
from weir_scorer.features.words import WIDE, words_of

SHORT = 240  # characters; a text this long is read whole
LONGEST = 600  # characters of the ask
_UNIT = 320  # characters; a longer paragraph is split into lines, a longer line into sentences
_NEAR = 3  # units looked at from either end
_SURE = 3.0  # points from which on a unit asks something
_LAST, _FIRST, _STEP = 1.5, 1.25, 1.0  # points for standing at an end, less a step for each unit

_QUESTIONS = ("?", "؟")
_ENDS = (".", "!", ":", "。", "।", *_QUESTIONS)
_CLOSING = "\"'”»)]"
_CODE = "{}();=<>[]_/\\|0123456789"
_CODE_SHARE = 0.12
_SENTENCE_END = re.compile(r"(?<=[.!?。।؟])\s+|(?:(?<=。)|(?<=[\u3040-\u9fff][!?]))(?=\S)")
_CHOICE = re.compile(r"^\(?[A-J][.):]\s")  # an answer to choose says nothing of what is asked
_FIRST_WORD = re.compile(r"(?:\(?\w{1,2}[.):] )?\W{0,2}([^\W\d_]\S*)")
_LABEL = re.compile(
    r"^(?:question|task|query|q|frage|aufgabe|pregunta|вопрос|问题|質問)\s*:", re.IGNORECASE
)

_REQUESTS = ("reason_words", "solve_words", "write_words", "rework_words")
_MORE_REQUESTS = (
    "please give tell answer use can could would bitte kannst können peux pouvez puedes"
)
_REQUEST = frozenset(_MORE_REQUESTS.split()).union(*(WORDS[group].split() for group in _REQUESTS))
_FACTS = frozenset(WORDS["fact_words"].split())
_COURTESY = frozenset(WORDS["courtesy_words"].split())
_POINTING = frozenset(WORDS["pointing_words"].split())
_WIDE_REQUEST = re.compile(
    "|".join(word for group in (*_REQUESTS, "courtesy_words") for word in PARTS[group].split())
)


def find_ask(text: str) -> str:
    """The asking part of a cleaned text, in its order; at most LONGEST characters."""
    if len(text) <= SHORT:
        return text
    units = _ends(text)
    if len(units) < 2:  # noqa: PLR2004 - one unit has no rest
        return _cut(text)
    points = [_points(unit, place, len(units)) for place, unit in enumerate(units)]
    chosen = _chosen(points)
    if len(chosen) == len(units):
        return _cut(text)
    return _cut("\n".join(units[place] for place in sorted(chosen)))


def _chosen(points: list[float]) -> set[int]:
    """The best unit; with it an end that asks something too, or both where nothing surely does."""
    last = len(points) - 1
    best = max(range(len(points)), key=lambda place: (points[place], place))
    unsure = points[best] < _SURE or best not in {0, last}
    return {best} | {place for place in (0, last) if unsure or points[place] >= _SURE}


def _points(unit: str, place: int, count: int) -> float:
    points = max(_LAST - _STEP * (count - 1 - place), _FIRST - _STEP * place, 0.0)
    points += _mark_points(unit)
    words = words_of(unit)
    first = _FIRST_WORD.match(unit)
    if first is not None and words_of(first.group(1))[0] in _REQUEST:
        points += 2.0
    elif not _REQUEST.isdisjoint(words):
        points += 0.5
    elif WIDE.search(unit) and _WIDE_REQUEST.search(unit):
        points += 1.5
    points += 0.5 if not _COURTESY.isdisjoint(words) else 0.0
    points += 0.5 if words and words[0] in _FACTS else 0.0
    return points + (0.5 if not _POINTING.isdisjoint(words) else 0.0)


def _mark_points(unit: str) -> float:
    text = unit.rstrip(_CLOSING)
    asks = any(mark in text for mark in _QUESTIONS)
    points = 2.0 if asks and text.endswith(_QUESTIONS) else 1.0 if asks else 0.0
    points += 2.0 if ":" in text and _LABEL.match(unit) else 0.0
    points += 0.5 if text.endswith(_ENDS) else 0.0
    points -= 2.0 if sum(map(unit.count, _CODE)) > _CODE_SHARE * len(unit) else 0.0
    return points - (1.5 if unit.startswith(">") else 0.0)  # quoted in a mail


def _ends(text: str) -> list[str]:
    """The first and last few units."""
    if len(text) <= 2 * LONGEST:
        every = _units(text)
        return every if len(every) <= 2 * _NEAR else [*every[:_NEAR], *every[-_NEAR:]]
    return [*_units(text[:LONGEST])[:_NEAR], *_units(text[-LONGEST:])[-_NEAR:]]


def _units(text: str) -> list[str]:
    """Paragraphs, or the lines or sentences of longer ones."""
    units: list[str] = []
    for paragraph in text.split("\n\n"):
        if len(paragraph) <= _UNIT:
            units.append(paragraph)
            continue
        for line in paragraph.split("\n"):
            if len(line) > _UNIT:
                units += filter(None, _SENTENCE_END.split(line))
            elif line and not _CHOICE.match(line):
                units.append(line)
    return [unit for unit in units if unit]


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[: half - 1]}\n{text[-half:]}"
