"""Estimates thresholds across the explored band, to show where a better one may be."""

from dataclasses import replace

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.errors import LabError
from weir_lab.feedback.estimate import Options, estimate
from weir_lab.feedback.report import SweepPoint
from weir_lab.metrics.offpolicy import Logged

POINTS = 21
REPEATS = 200  # a picture needs no more
MAX_UNCOVERED = 0.02  # share of rated decisions without an estimate; a point with more is dropped


def sweep(
    logged: Logged, score: Doubles, every: Doubles, options: Options
) -> tuple[SweepPoint, ...]:
    """Estimates by rising threshold; thresholds that can't be estimated are left out.

    `score` holds the scores of the rated rows, `every` those of all decisions.
    """
    drawn = score[logged.drawn]
    if not len(drawn):
        return ()
    quick = replace(options, repeats=min(options.repeats, REPEATS))
    points: list[SweepPoint] = []
    for threshold in np.linspace(float(drawn.min()), float(drawn.max()), POINTS):
        try:
            found = estimate(logged, score >= threshold, quick)
        except LabError:
            continue
        if found.untold <= MAX_UNCOVERED:
            share = float((every >= threshold).mean())
            points.append(SweepPoint(float(threshold), share, found.dr))
    return tuple(points)
