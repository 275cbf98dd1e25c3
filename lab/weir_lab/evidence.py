"""What labels show of a router: is it better than drawing lots, and than the prompt's length?"""

from collections.abc import Sequence

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.metrics import Interval, Ranked, apgr, apgr_gain, bootstrap, decile_curve
from weir_scorer.engine.ports import Evidence, Gain

ENOUGH = 300  # labels; with fewer an interval of APGR is wider than what routers differ by
_LOTS = 0.5  # the APGR of drawing lots


def measure_evidence(
    prompts: Sequence[str], scores: Doubles, weak: Doubles, strong: Doubles, seed: int = 0
) -> Evidence | None:
    """Over these labels; None where the two models do equally well, so that nothing can be told."""
    ranked = Ranked.of(scores, weak, strong)
    lengths = np.array([float(len(prompt)) for prompt in prompts])

    def above_lots(weights: Doubles) -> list[float]:
        return [apgr(decile_curve(ranked, weights[ranked.order])) - _LOTS]

    (over_lots,) = bootstrap(above_lots, len(ranked), seed=seed)
    over_length = apgr_gain(ranked, Ranked.of(lengths, weak, strong), seed=seed)
    if not all(np.isfinite(gain.value) for gain in (over_lots, over_length)):
        return None
    return Evidence(len(ranked), _gain(over_lots), _gain(over_length))


def in_words(router: str, evidence: Evidence) -> list[str]:
    """One line over lots, one over length."""
    lines = [
        _line(router, "drawing lots", evidence.over_lots),
        _line(router, "prompt length", evidence.over_length),
    ]
    if evidence.labels >= ENOUGH and evidence.over_lots.value <= 0:
        lines.append(
            f"`strongShare` draws lots in place of {router}: it does no better on these labels"
        )
    return lines


def _line(router: str, other: str, gain: Gain) -> str:
    verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "no difference shown"
    return (
        f"{router} over {other}: {gain.value:+.3f} (95 % interval {gain.low:+.3f} to "
        f"{gain.high:+.3f}): {verdict}"
    )


def _gain(interval: Interval) -> Gain:
    return Gain(*(round(float(x), 6) for x in (interval.value, interval.low, interval.high)))
