"""A threshold for a share of strong calls: needs prompts, and no labels.

The inequality of Dvoretzky, Kiefer and Wolfowitz (with Massart's constant) bounds the share's
deviation on other prompts of the kind, for all thresholds at once.
"""

import math
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.errors import NoPromise, TooFew


@dataclass(frozen=True, slots=True)
class Share:
    """A threshold and the share of prompts at or over it, all in [0, 1]."""

    threshold: float
    requested: float
    seen: float
    low: float
    high: float
    confidence: float
    prompts: int


def share_margin(prompts: int, confidence: float) -> float:
    """The most that a measured share deviates from the true one; 1 without prompts."""
    if not prompts:
        return 1.0
    return min(1.0, math.sqrt(math.log(2 / (1 - confidence)) / (2 * prompts)))


def strong_share(scores: Doubles, share: float, confidence: float = 0.95) -> Share:
    """The threshold whose share of strong calls is nearest to `share`.

    `scores` and `share` are in [0, 1]. Equal scores can't be separated: a share that is off by more
    than one prompt in twenty raises NoPromise.
    """
    if not len(scores):
        raise TooFew("no prompts: a share is counted over some")
    # A threshold just over the highest score sends nothing to the strong model.
    nothing = min(1.0, float(np.nextafter(scores.max(), np.inf)))
    thresholds = np.append(np.unique(scores), nothing)
    shares = 1 - np.searchsorted(np.sort(scores), thresholds, side="left") / len(scores)
    best = int(np.argmin(np.abs(shares - share)))
    seen = float(shares[best])
    _refuse_lumps(share, seen, len(scores))
    margin = share_margin(len(scores), confidence)
    return Share(
        threshold=float(thresholds[best]),
        requested=share,
        seen=seen,
        low=max(0.0, seen - margin),
        high=min(1.0, seen + margin),
        confidence=confidence,
        prompts=len(scores),
    )


_NEAREST = 0.05  # of the prompts: further off is another share


def _refuse_lumps(requested: float, seen: float, prompts: int) -> None:
    if abs(requested - seen) > max(_NEAREST, 1 / prompts):
        raise NoPromise(
            f"no threshold gives a strong share of {requested:.1%}: the nearest is {seen:.1%}, "
            "because many prompts share one score; use another router"
        )
