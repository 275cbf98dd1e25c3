"""Whether a router scores hard prompts above easy ones where length doesn't tell them apart.

`SenseTest` says which texts are to be scored; `measure` turns their scores into figures, each with
its interval. A tie counts one half, so drawing lots has .5 everywhere but in the correlation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from weir_lab.arrays import Doubles, Flags
from weir_lab.datasets.sense import PairKind, SenseChat, SensePair, Turns
from weir_lab.evaluation.sense_texts import SenseTest
from weir_lab.metrics import Interval, bootstrap, random_scores

CROSSED = (PairKind.LIKE_LENGTH, PairKind.HARD_SHORTER)  # where length doesn't follow difficulty
_OWN = "en"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How intervals are drawn."""

    repeats: int
    seed: int


@dataclass(frozen=True, slots=True)
class SenseFigure:
    """One figure; `count` is the number of pairs, or of chats, that it is taken over."""

    name: str
    count: int
    found: Interval


@dataclass(frozen=True, slots=True)
class SenseRow:
    """One router, or a baseline that reads nothing of the prompt but its length."""

    name: str
    baseline: bool
    figures: tuple[SenseFigure, ...]

    def figure(self, name: str) -> SenseFigure:
        """The figure of that name. Raises KeyError."""
        return {figure.name: figure for figure in self.figures}[name]


def measure(test: SenseTest, name: str, scores: Doubles, sampling: Sampling) -> SenseRow:
    """A router's figures; `scores` are those of `test.texts()`, in their order."""
    return _row(test, name, scores, sampling, baseline=False)


def baselines(test: SenseTest, sampling: Sampling) -> tuple[SenseRow, ...]:
    """The same figures by the number of characters, and by drawing lots."""
    lengths = _lengths(test.texts())
    lots = random_scores(len(lengths), sampling.seed)
    return (
        _row(test, "length", lengths, sampling, baseline=True),
        _row(test, "lots", lots, sampling, baseline=True),
    )


def _row(
    test: SenseTest, name: str, scores: Doubles, sampling: Sampling, *, baseline: bool
) -> SenseRow:
    pairs, filled = len(test.pairs), len(test.filled)
    bare, after, before, chats = np.split(scores, np.cumsum([2 * pairs, 2 * filled, 2 * filled]))
    figures = [
        *_shares(test.pairs, _wins(bare), sampling),
        *_filler("hard after filler", _wins(after), sampling),
        *_filler("hard before filler", _wins(before), sampling),
        *_correlation(test, bare, sampling),
        *_chats(test.chats, chats, sampling),
    ]
    return SenseRow(name, baseline, tuple(figures))


def _shares(pairs: Sequence[SensePair], wins: Doubles, sampling: Sampling) -> list[SenseFigure]:
    """Over all pairs, by kind, English and others, and by language."""
    languages = sorted({pair.language for pair in pairs} - {_OWN})
    groups: dict[str, list[bool]] = {"all pairs": [True] * len(pairs)}
    groups |= {kind: [pair.kind is kind for pair in pairs] for kind in PairKind}
    groups |= {
        "English": [pair.language == _OWN for pair in pairs],
        "other languages": [pair.language != _OWN for pair in pairs],
    }
    groups |= {language: [pair.language == language for pair in pairs] for language in languages}
    return [_share(name, wins[flags], sampling) for name, flags in _present(groups)]


def _present(groups: dict[str, list[bool]]) -> list[tuple[str, Flags]]:
    return [(name, np.array(marks)) for name, marks in groups.items() if any(marks)]


def _filler(name: str, wins: Doubles, sampling: Sampling) -> list[SenseFigure]:
    return [_share(name, wins, sampling)] if len(wins) else []


def _share(name: str, wins: Doubles, sampling: Sampling) -> SenseFigure:
    def share(weights: Doubles) -> float:
        return float((weights * wins).sum() / weights.sum())

    return SenseFigure(name, len(wins), _interval(share, len(wins), sampling))


def _correlation(test: SenseTest, scores: Doubles, sampling: Sampling) -> list[SenseFigure]:
    """Spearman's rank correlation of score and length over the crossed prompts.

    A replicate draws pairs, so that an easy prompt and its hard one stay together.
    """
    crossed = np.array([pair.kind in CROSSED for pair in test.pairs], dtype=np.bool_)
    count = int(crossed.sum())
    if not count:
        return []
    both = np.repeat(crossed, 2)
    mine = scores[both]
    lengths = _lengths(test.bare())[both]

    def correlation(weights: Doubles) -> float:
        return spearman(mine, lengths, np.repeat(weights, 2))

    found = _interval(correlation, count, sampling)
    return [SenseFigure("correlation with length", count, found)]


def _chats(chats: Sequence[SenseChat], scores: Doubles, sampling: Sampling) -> list[SenseFigure]:
    """The share of all combinations of a hard and an easy chat that are ordered rightly."""
    hard = np.array([chat.hard for chat in chats], dtype=np.bool_)
    if not hard.any() or hard.all():
        return []
    wins = _above(scores[hard][:, None], scores[~hard][None, :])

    def share(weights: Doubles) -> float:
        drawn = np.outer(weights[hard], weights[~hard])
        total = drawn.sum()
        return float((drawn * wins).sum() / total) if total else float("nan")

    return [SenseFigure("chats", len(chats), _interval(share, len(chats), sampling))]


def spearman(left: Doubles, right: Doubles, weights: Doubles) -> float:
    """The rank correlation of values that were each drawn `weights` times; ties share a rank."""
    x, y = _ranks(left, weights), _ranks(right, weights)
    x = x - np.average(x, weights=weights)
    y = y - np.average(y, weights=weights)
    spread = float(np.sqrt((weights * x * x).sum() * (weights * y * y).sum()))
    return float((weights * x * y).sum()) / spread if spread else 0.0


def _ranks(values: Doubles, weights: Doubles) -> Doubles:
    _, place = np.unique(values, return_inverse=True)
    drawn = np.bincount(place, weights=weights)
    middle: Doubles = np.cumsum(drawn) - drawn / 2
    return middle[place]


def _interval(figure: Callable[[Doubles], float], size: int, sampling: Sampling) -> Interval:
    (found,) = bootstrap(
        lambda weights: [figure(weights)], size, repeats=sampling.repeats, seed=sampling.seed
    )
    return found


def _wins(scores: Doubles) -> Doubles:
    return _above(scores[1::2], scores[::2])


def _above(hard: Doubles, easy: Doubles) -> Doubles:
    return cast("Doubles", (hard > easy) + (hard == easy) / 2)


def _lengths(texts: Sequence[Turns]) -> Doubles:
    return np.array([float(sum(map(len, turns))) for turns in texts])
