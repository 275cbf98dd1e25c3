"""Whether a router serves some kinds of prompts worse than others.

Every slice is judged at one threshold, as in operation: the one that sends the stated share of all
prompts to the strong model. A prompt's script stands in for its language: most of its letters'
Unicode names have it.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.datasets import Pair
from weir_lab.metrics import Interval, Ranked, apgr, bootstrap, decile_curve

LEAST = 100  # prompts; a smaller slice's figures are chance
_REPEATS = 200
_LENGTHS = ((64, "up to 64"), (256, "65 to 256"), (1024, "257 to 1,024"), (4096, "1,025 to 4,096"))


@dataclass(frozen=True, slots=True)
class Slice:
    """One kind of prompts; `lost` is the strong model's mean quality less the routed one."""

    by: str
    name: str
    prompts: int
    weak: float
    strong: float
    strong_share: float
    lost: float
    apgr: Interval


@dataclass(frozen=True, slots=True)
class Gap:
    """The two slices of one kind that the router serves best and worst."""

    by: str
    best: str
    worst: str
    lost: float  # how much more quality the worst loses


def cut(pair: Pair, scores: Doubles, threshold: float, seed: int) -> tuple[Slice, ...]:
    """Slices by source, category, script and length that are large enough to be judged."""
    kinds: dict[str, Sequence[str]] = {
        "source": pair.sources,
        "category": pair.categories,
        "script": [script(prompt) for prompt in pair.prompts],
        "length": [_length(prompt) for prompt in pair.prompts],
    }
    return tuple(
        _slice(pair, scores, threshold, (by, name), marks == name, seed)
        for by, values in kinds.items()
        if len(set(values)) > 1  # one slice of everything says nothing
        for marks in (np.array(values, dtype=object),)
        for name in sorted(set(values))
        if name and int((marks == name).sum()) >= LEAST
    )


def largest_gaps(slices: Sequence[Slice]) -> tuple[Gap, ...]:
    """For each kind with two slices or more, the gap between the best and the worst."""
    gaps: list[Gap] = []
    for by in dict.fromkeys(part.by for part in slices):
        parts = sorted((part for part in slices if part.by == by), key=_lost)
        if len(parts) > 1:
            best, worst = parts[0], parts[-1]
            gaps.append(Gap(by, best.name, worst.name, worst.lost - best.lost))
    return tuple(gaps)


def _lost(part: Slice) -> float:
    return part.lost


def _slice(
    pair: Pair,
    scores: Doubles,
    threshold: float,
    named: tuple[str, str],
    marks: np.ndarray,
    seed: int,
) -> Slice:
    weak, strong, mine = pair.weak[marks], pair.strong[marks], scores[marks]
    called = mine >= threshold
    ranked = Ranked.of(mine, weak, strong)
    (spread,) = bootstrap(
        lambda weights: [apgr(decile_curve(ranked, weights))],
        len(mine),
        repeats=_REPEATS,
        seed=seed,
    )
    return Slice(
        by=named[0],
        name=named[1],
        prompts=len(mine),
        weak=float(weak.mean()),
        strong=float(strong.mean()),
        strong_share=float(called.mean()),
        lost=float(strong.mean() - np.where(called, strong, weak).mean()),
        apgr=spread,
    )


def _length(prompt: str) -> str:
    for upto, name in _LENGTHS:
        if len(prompt) <= upto:
            return f"{name} characters"
    return "over 4,096 characters"


_READ = 500  # characters; the rest is hardly another script
_SCRIPTS = {
    "LATIN": "Latin",
    "CJK": "Chinese",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CYRILLIC": "Cyrillic",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "GREEK": "Greek",
    "DEVANAGARI": "Devanagari",
    "THAI": "Thai",
}


def script(text: str) -> str:
    """The script that most of a text's letters have; `other` where none is of a known one."""
    found = Counter(
        _SCRIPTS.get(unicodedata.name(c, "?").split(" ", 1)[0], "other")
        for c in text[:_READ]
        if c.isalpha()
    )
    if not found:
        return "other"
    if found["Japanese"]:
        found["Japanese"] += found.pop("Chinese", 0)  # kanji are named CJK too
    return found.most_common(1)[0][0]
