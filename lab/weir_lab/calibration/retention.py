"""A threshold that keeps a share of the strong model's quality, with a stated confidence.

Learn-then-Test (Angelopoulos et al., arXiv 2110.01052): thresholds are tested from the safest up,
and the last one before the first failure is certified. The loss is how much worse the weak model's
answers are on the prompts it gets; answers that are better don't offset it, so that the certificate
is conservative.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from weir_lab.arrays import Doubles
from weir_lab.calibration.share import share_margin
from weir_lab.errors import NoPromise, TooFew

# Fixed before any data is seen, as the test needs; scores lie in [0, 1].
_GRID = np.arange(1, 1001) / 1000
# Part of the allowed error that is spent on not knowing the strong model's mean exactly.
_FOR_MEAN = 0.1


# The retentions and confidences that a trained bundle comes with.
PROMISES = tuple(
    (retention, confidence) for retention in (0.90, 0.95, 0.98) for confidence in (0.90, 0.95)
)


@dataclass(frozen=True, slots=True)
class Retention:
    """A certified threshold: P(quality kept >= retention) >= confidence on prompts like these."""

    threshold: float
    retention: float
    confidence: float
    prompts: int
    allowed: float  # mean loss that the promise allows, certified
    lost: float  # mean loss seen at the threshold
    retained: float  # routed mean over the strong model's, as seen
    strong_share: float
    share_margin: float  # of the strong share, at the same confidence


def keep_retention(
    scores: Doubles, weak: Doubles, strong: Doubles, retention: float, confidence: float = 0.95
) -> Retention:
    """Certify the highest threshold that keeps `retention` of the strong model's quality.

    Outcomes are in [0, 1], one row a prompt; `retention` and `confidence` in (0, 1). Raises
    NoPromise where nothing but sending every prompt to the strong model can be certified.
    """
    prompts = len(scores)
    if not prompts:
        raise TooFew("no labelled prompts: a retention is certified on some")
    error = 1 - confidence
    allowed = (1 - retention) * _lowest_mean(strong, error * _FOR_MEAN)
    gaps = np.maximum(strong - weak, 0.0)
    threshold = _last_passing(scores, gaps, allowed, error * (1 - _FOR_MEAN))
    if threshold is None or float(scores.min()) >= threshold:
        raise NoPromise(_why_not(prompts, allowed, error, retention, confidence))
    to_weak = scores < threshold
    routed = np.where(to_weak, weak, strong)
    return Retention(
        threshold=threshold,
        retention=retention,
        confidence=confidence,
        prompts=prompts,
        allowed=allowed,
        lost=float(np.where(to_weak, gaps, 0.0).mean()),
        retained=float(routed.mean() / strong.mean()),
        strong_share=float(1 - to_weak.mean()),
        share_margin=share_margin(prompts, confidence),
    )


def p_value(losses: Doubles, allowed: float) -> float:
    """How likely losses as small are if their true mean is over `allowed`; exact for 0 and 1.

    For losses in between it is Hoeffding and Bentkus's bound, never too small.
    """
    count, total = len(losses), float(losses.sum())
    if allowed <= 0:
        return 1.0
    if bool(np.isin(losses, (0.0, 1.0)).all()):
        return float(stats.binom.cdf(total, count, allowed))
    mean = total / count
    hoeffding = math.exp(-count * _divergence(min(mean, allowed), allowed))
    bentkus = math.e * float(stats.binom.cdf(math.ceil(total), count, allowed))
    return min(hoeffding, bentkus, 1.0)


def _last_passing(scores: Doubles, gaps: Doubles, allowed: float, error: float) -> float | None:
    order = np.argsort(scores, kind="stable")
    cuts = np.searchsorted(scores[order], _GRID, side="left")
    gaps = gaps[order]
    passed: float | None = None
    before = -1
    for threshold, cut in zip(_GRID.tolist(), cuts.tolist(), strict=True):
        if cut != before:
            losses = np.zeros(len(gaps))
            losses[:cut] = gaps[:cut]
            if p_value(losses, allowed) > error:
                break
            before = cut
        passed = threshold
    return passed


def _lowest_mean(values: Doubles, error: float) -> float:
    """A bound that the true mean is under with probability `error` at most (by bisection)."""
    low, high = 0.0, float(values.mean())
    for _ in range(40):
        middle = (low + high) / 2
        # The values' complements are losses: a mean over 1 - middle is what is tested.
        if p_value(1 - values, 1 - middle) <= error:
            low = middle
        else:
            high = middle
    return low


def _divergence(mean: float, bound: float) -> float:
    """Kullback-Leibler divergence of two coins."""
    if bound >= 1:
        return 0.0 if mean >= 1 else math.inf
    first = mean * math.log(mean / bound) if mean > 0 else 0.0
    second = (1 - mean) * math.log((1 - mean) / (1 - bound)) if mean < 1 else 0.0
    return first + second


def _why_not(
    prompts: int, allowed: float, error: float, retention: float, confidence: float
) -> str:
    goal = f"{retention:.1%} of the strong model's quality at {confidence:.0%} confidence"
    tests = error * (1 - _FOR_MEAN)
    need = math.ceil(math.log(tests) / math.log1p(-allowed)) if 0 < allowed < 1 else None
    if need is not None and prompts < need:
        return (
            f"no threshold can promise {goal} from {prompts} labelled prompts: it takes {need} "
            "even if the weak model loses none of them; label more, or ask for less"
        )
    return (
        f"no threshold can promise {goal} on these {prompts} prompts: the weak model already "
        "loses too many among those that score lowest; send everything to the strong model, ask "
        "for less, or train a router on this traffic"
    )
