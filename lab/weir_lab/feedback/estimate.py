"""Estimates one policy's mean rating, with the sample it rests on and notes on its limits.

Where the log can't support an estimate, NoOverlap or TooFew is raised instead of a number.
"""

from dataclasses import dataclass, replace

import numpy as np

from weir_lab.arrays import Doubles, Flags
from weir_lab.errors import NoOverlap, TooFew
from weir_lab.metrics.bootstrap import Interval, bootstrap
from weir_lab.metrics.offpolicy import (
    Logged,
    doubly_robust,
    effective_size,
    ips,
    known,
    predicted_rewards,
    ratios,
    snips,
)

LEAST = 50  # rated decisions
LEAST_TRIED = 10  # rated decisions where the policies differ and the target's choice was made
FEW_TRIED = 30  # effective rows; with fewer the intervals are too narrow, which a note says
MAX_UNCOVERED = 0.1  # share of rated decisions without an estimate; with more there is no figure
CLIP = 100.0  # a share of 1 % is not clipped


@dataclass(frozen=True, slots=True)
class Options:
    """How a policy is estimated."""

    clip: float = CLIP  # the largest ratio, >= 1
    repeats: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Mean ratings in [0,1] over the rated decisions that can be estimated."""

    ips: Interval
    snips: Interval
    dr: Interval
    served: Interval  # of the decisions as they were made
    gain: Interval  # dr less served, on the same rows
    rated: int
    told: int  # rated decisions that can be estimated
    differing: int  # of `told`: the target's choice is not the usual one
    tried: int  # of `differing`: the target's choice was made
    effective: float  # effective sample size
    effective_differing: float  # effective sample size where the choices differ
    clipped: int
    clip_bias: float  # the most that clipping takes from IPS
    untold: float  # share, by weight, of rated decisions that can't be estimated
    bounds: tuple[float, float]  # of the mean over all, whatever the rest is rated
    notes: tuple[str, ...]


def estimate(logged: Logged, target: Flags, options: Options) -> Estimate:
    """Estimate the mean rating under `target` (strong where True).

    Raises TooFew, and NoOverlap where the log lacks the target's choices.
    """
    if len(logged) < LEAST:
        raise TooFew(f"{len(logged)} rated decisions that were scored; it takes at least {LEAST}")
    keep = known(logged, target)
    covered, aim = logged.only(keep), target[keep]
    differs = aim != covered.usual
    tried = differs & (aim == covered.strong)
    _check_overlap(logged, target, tried)
    uncovered = float(logged.weight[~keep].sum() / logged.weight.sum())
    if uncovered > MAX_UNCOVERED:
        low, high = explored_band(logged)
        raise NoOverlap(
            f"no estimate can be given: {uncovered:.0%} of the rated decisions would go to a model "
            "that was never tried on such prompts. What was explored are scores from "
            f"{low:.3f} to {high:.3f}"
        )
    plain = ratios(covered, aim)
    ratio = np.minimum(plain, options.clip)
    figures = _figures(covered, aim, ratio, options)
    value = min(max(figures[2].value, 0.0), 1.0)
    found = Estimate(
        ips=figures[0],
        snips=figures[1],
        dr=figures[2],
        served=figures[3],
        gain=figures[4],
        rated=len(logged),
        told=len(covered),
        differing=int(differs.sum()),
        tried=int(tried.sum()),
        effective=effective_size(ratio, covered.weight),
        effective_differing=effective_size(ratio[tried], covered.weight[tried]),
        clipped=int((plain > options.clip).sum()),
        clip_bias=float((covered.weight * (plain - ratio)).sum() / covered.weight.sum()),
        untold=uncovered,
        bounds=((1 - uncovered) * value, (1 - uncovered) * value + uncovered),
        notes=(),
    )
    return _noted(found, options)


def explored_band(logged: Logged) -> tuple[float, float]:
    """The lowest and the highest score of a drawn decision; there must be one."""
    drawn = logged.score[logged.drawn]
    return float(drawn.min()), float(drawn.max())


def _figures(
    covered: Logged, target: Flags, ratio: Doubles, options: Options
) -> tuple[Interval, Interval, Interval, Interval, Interval]:
    rewards = predicted_rewards(covered, options.seed)
    rows = np.arange(len(covered))
    taken = rewards[rows, covered.strong.astype(np.intp)]
    targeted = rewards[rows, target.astype(np.intp)]

    def statistic(times: Doubles) -> tuple[float, ...]:
        weight = covered.weight * times
        robust = doubly_robust(covered.reward, ratio, weight, taken, targeted)
        served = float((weight * covered.reward).sum() / weight.sum())
        return (
            ips(covered.reward, ratio, weight),
            snips(covered.reward, ratio, weight),
            robust,
            served,
            robust - served,
        )

    one, two, three, four, five = bootstrap(
        statistic, len(covered), repeats=options.repeats, seed=options.seed
    )
    return one, two, three, four, five


def _check_overlap(logged: Logged, target: Flags, tried: Flags) -> None:
    differing = target != logged.usual
    if not differing.any():
        return
    if not logged.drawn.any():
        raise NoOverlap(
            "no estimate can be given: the decisions were deterministic. Let the policy explore "
            "(spec.exploration), gather feedback, and come back"
        )
    if tried.sum() < LEAST_TRIED:
        raise NoOverlap(
            f"no estimate can be given: of {int(differing.sum())} rated decisions that the policy "
            f"would make otherwise, its choice was tried on {int(tried.sum())}, and it takes at "
            f"least {LEAST_TRIED}. Ask for a threshold within the explored band, or explore more"
        )


def _noted(found: Estimate, options: Options) -> Estimate:
    notes: list[str] = []
    if not found.differing:
        notes.append("the policy would have made every one of these decisions as usual")
    elif found.effective_differing < FEW_TRIED:
        notes.append(
            f"where it differs it rests on {found.tried} answers, worth "
            f"{found.effective_differing:.0f} that count alike: the intervals are too narrow"
        )
    if found.untold:
        notes.append(
            f"{found.untold:.1%} of the rated decisions would go to a model that was never tried "
            "on such prompts: the figures leave them out; with them the mean lies between "
            f"{found.bounds[0]:.3f} and {found.bounds[1]:.3f}"
        )
    if found.clipped:
        notes.append(
            f"{found.clipped} ratios were clipped at {options.clip:g}, which takes at most "
            f"{found.clip_bias:.3f} from IPS, and biases SNIPS and DR too"
        )
    return replace(found, notes=tuple(notes))
