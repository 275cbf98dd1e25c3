"""What the card says of sense: how often the hard prompt of a pair scores above the easy one.

Every pair is scored by a head that was trained without its language, or its group of English
subjects. These are the author's own pairs; the test's are another author's.
"""

from collections.abc import Mapping

import numpy as np

from weir_lab.arrays import Doubles, Flags, Floats
from weir_lab.default_heads.sense import SensePairs
from weir_lab.evaluation.sense import CROSSED, spearman
from weir_lab.metrics import Interval, bootstrap

_OWN = "en"


def sense_figures(pairs: SensePairs, scores: Floats) -> Mapping[str, Interval]:
    """Shares by group of pairs, and the rank correlation with length, with 95 % intervals."""
    wins = np.asarray(scores[1::2] > scores[::2], dtype=np.float64)
    found = {name: _share(wins[which]) for name, which in _groups(pairs).items() if which.any()}
    crossed = np.isin(pairs.kind, [str(kind) for kind in CROSSED])
    both = np.repeat(crossed, 2)
    lengths = np.array([float(len(prompt)) for prompt in pairs.prompts])
    return found | {
        "rank correlation with length, crossed": _correlation(
            scores[both].astype(np.float64), lengths[both]
        )
    }


def _groups(pairs: SensePairs) -> Mapping[str, Flags]:
    written = pairs.kind != "filled"
    english = np.array([fold.split()[0] == _OWN for fold in pairs.fold], dtype=np.bool_)
    kinds = sorted(set(pairs.kind[written].tolist()))
    return {
        "all pairs": written,
        **{kind.replace("_", " "): pairs.kind == kind for kind in kinds},
        "English": written & english,
        "eight other languages": written & ~english,
        "in up to 8,000 characters of pasted text": ~written,
    }


def _share(wins: Doubles) -> Interval:
    def share(weights: Doubles) -> list[float]:
        return [float(weights @ wins / weights.sum())]

    return bootstrap(share, len(wins))[0]


def _correlation(scores: Doubles, lengths: Doubles) -> Interval:
    def correlation(weights: Doubles) -> list[float]:
        return [spearman(scores, lengths, np.repeat(weights, 2))]

    return bootstrap(correlation, len(scores) // 2)[0]
