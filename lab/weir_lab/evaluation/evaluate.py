"""One evaluation: contenders and baselines measured, then each contender in detail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.calibration import strong_share
from weir_lab.datasets import Pair
from weir_lab.errors import NoPromise
from weir_lab.evaluation.baselines import length_scores, neighbour_scores, oracle_scores
from weir_lab.evaluation.figures import best_single, measure
from weir_lab.evaluation.report import Comparison, Detail, Line, Report, Row
from weir_lab.evaluation.robustness import Score, flips
from weir_lab.evaluation.slices import cut, largest_gaps
from weir_lab.metrics import Ranked, apgr_gain, quantile_curve, random_scores

FEW = 300  # prompts; under this the intervals say little
_DRAWN_POINTS = 100
_PROBED = 1000  # prompts that are written differently


@dataclass(frozen=True, slots=True)
class Contender:
    """A router's scores on the pair's prompts, and how to score others if that can be done."""

    name: str
    scores: Doubles
    score: Score | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What the report names as its data and, where a bundle was scored, its version."""

    data: str
    bundle: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How an evaluation is run; `operating_share` is the strong share of the detailed part."""

    operating_share: float = 0.2
    repeats: int = 1000
    seed: int = 0


def evaluate(
    pair: Pair,
    contenders: Sequence[Contender],
    source: Source,
    options: Options,
    *,
    vectors: Doubles | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measure contenders and baselines.

    `vectors` has a row per prompt; without it the nearest neighbours are left out.
    """
    named = [(c.name, c.scores, False) for c in contenders]
    named += [(name, scores, True) for name, scores in _baselines(pair, vectors, options.seed)]
    rows: list[Row] = []
    for name, scores, baseline in named:
        progress(f"measuring {name}")
        rows.append(_row(pair, name, scores, options, baseline=baseline))
    details: list[Detail] = []
    for contender in contenders:
        progress(f"slicing {contender.name}")
        detail = _detail(pair, contender, options)
        if detail is not None:
            details.append(detail)
    return Report(
        data=source.data,
        prompts=len(pair),
        weak_name=pair.weak_name,
        strong_name=pair.strong_name,
        weak=float(pair.weak.mean()),
        strong=float(pair.strong.mean()),
        best=float(np.maximum(pair.weak, pair.strong).mean()),
        single=best_single(pair, repeats=options.repeats, seed=options.seed),
        priced=bool(np.isfinite(pair.weak_cost + pair.strong_cost).all()),
        operating_share=options.operating_share,
        repeats=options.repeats,
        seed=options.seed,
        rows=tuple(rows),
        details=tuple(details),
        comparisons=_comparisons(pair, contenders, options),
        notes=_notes(pair, vectors),
        bundle=source.bundle,
    )


def _comparisons(
    pair: Pair, contenders: Sequence[Contender], options: Options
) -> tuple[Comparison, ...]:
    """The first contender against prompt length, the others against the first."""
    comparisons: list[Comparison] = []
    name, scores = "length", length_scores(pair)
    for number, contender in enumerate(contenders):
        gain = apgr_gain(
            Ranked.of(contender.scores, pair.weak, pair.strong),
            Ranked.of(scores, pair.weak, pair.strong),
            repeats=options.repeats,
            seed=options.seed,
        )
        comparisons.append(Comparison(contender.name, name, gain))
        if number == 0:
            name, scores = contender.name, contender.scores
    return tuple(comparisons)


def _baselines(pair: Pair, vectors: Doubles | None, seed: int) -> list[tuple[str, Doubles]]:
    baselines = [("random", random_scores(len(pair), seed)), ("length", length_scores(pair))]
    if vectors is not None:
        baselines.append(("knn on these labels", neighbour_scores(pair, vectors, seed)))
    return [*baselines, ("oracle", oracle_scores(pair, seed))]


def _row(pair: Pair, name: str, scores: Doubles, options: Options, *, baseline: bool) -> Row:
    ranked = Ranked.of(scores, pair.weak, pair.strong)
    drawn = quantile_curve(ranked, None, _DRAWN_POINTS)
    return Row(
        name=name,
        baseline=baseline,
        figures=measure(
            pair, scores, probability=not baseline, repeats=options.repeats, seed=options.seed
        ),
        line=Line(tuple(drawn.share.tolist()), tuple(drawn.quality.tolist())),
    )


def _detail(pair: Pair, contender: Contender, options: Options) -> Detail | None:
    try:
        threshold = strong_share(contender.scores, options.operating_share).threshold
    except NoPromise:
        return None  # too many equal scores there; the table still shows the contender
    slices = cut(pair, contender.scores, threshold, options.seed)
    probed: list[int] = (
        np.random.default_rng(options.seed).permutation(len(pair))[:_PROBED].tolist()
    )
    flipped = (
        flips(
            [pair.prompts[k] for k in probed],
            contender.scores[probed],
            threshold,
            contender.score,
            options.seed,
        )
        if contender.score is not None
        else ()
    )
    return Detail(contender.name, threshold, slices, largest_gaps(slices), flipped)


def _notes(pair: Pair, vectors: Doubles | None) -> tuple[str, ...]:
    notes = list(pair.notes)
    if len(pair) < FEW:
        notes.append(
            f"only {len(pair)} prompts: read the intervals, not the figures; {FEW} or more tell "
            "routers apart"
        )
    if vectors is None:
        notes.append("no embedding was given, so nearest neighbours are left out")
    if not np.isfinite(pair.weak_cost + pair.strong_cost).all():
        notes.append("costs are not known for every answer: bills are left out, calls are counted")
    return tuple(notes)
