"""Routers from labels alone, without a prior: `linear`, and beside it any other of TRAINERS.

One prompt in five is held out by a hash of its text. The training part fits the router; the
held-out part fits the curve that turns its number into a probability, and gives every figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

import numpy as np

from weir_lab.arrays import Arrays, Doubles, Flags, Floats, Integers
from weir_lab.calibration import keep_retention
from weir_lab.calibration.retention import PROMISES
from weir_lab.datasets import Outcomes
from weir_lab.datasets.texts import fingerprint
from weir_lab.errors import NoPromise, TooFew
from weir_lab.evidence import measure_evidence
from weir_lab.metrics import (
    Interval,
    Ranked,
    apgr,
    apgr_gain,
    brier,
    decile_curve,
    expected_calibration_error,
)
from weir_lab.routers import TRAINERS
from weir_lab.routers.familiarity import fit_familiarity
from weir_lab.routers.regression import best_ridge, platt
from weir_lab.routers.targets import Targets
from weir_lab.routers.task import Battles, Task
from weir_scorer.engine.ports import Evidence, RetentionThreshold
from weir_scorer.engine.routers import ROUTERS

LEAST = 200  # labelled prompts; fewer go further from a prior
PROBED = 50  # outcomes of a model, for a quality profile
_HELD_OUT = 5  # one prompt of so many
_SOME = 1e-9
_EDGE = 1e-6
_PART = 256  # rows scored at a time


@dataclass(frozen=True, slots=True)
class TrainedLinear:
    """A `linear` head's arrays, and its figures on the held-out prompts."""

    arrays: Mapping[str, Floats]
    profiles: tuple[str, ...]
    train: int  # rows of labels
    held_out: int
    alpha: float
    apgr: float  # on the held-out rows, as are the others
    length_apgr: float
    gain: Interval  # APGR over that of prompt length, paired
    brier: float
    ece: float
    scores: Doubles  # of every prompt
    retention: tuple[RetentionThreshold, ...]
    familiarity: Arrays  # how well a prompt's kind is known from these labels
    evidence: Evidence | None  # what the held-out labels show


@dataclass(frozen=True, slots=True)
class TrainedRouter:
    """Another router's arrays, and its figures on the held-out labels."""

    arrays: Arrays
    scores: Doubles  # of every prompt
    apgr: float
    retention: tuple[RetentionThreshold, ...]


@dataclass(frozen=True, slots=True)
class _Split:
    """Labels with the rows of their prompts, and which side each is on."""

    rows: Integers  # [labels], of the distinct prompts
    held_out: Flags  # [prompts]
    targets: Targets

    @classmethod
    def of(cls, prompts: tuple[str, ...], targets: Targets, seed: int) -> Self:
        row_of = {prompt: row for row, prompt in enumerate(prompts)}
        rows = np.array([row_of[prompt] for prompt in targets.prompts], dtype=np.intp)
        held_out = np.array([is_held_out(prompt, seed) for prompt in prompts], dtype=np.bool_)
        return cls(rows, held_out, targets)

    @property
    def test(self) -> Flags:
        """The labels that judge: [labels]."""
        return self.held_out[self.rows]

    @property
    def happened(self) -> Doubles:
        """1 where the strong model did better on a held-out label."""
        targets, test = self.targets, self.test
        return (targets.strong > targets.weak).astype(np.float64)[test]

    def task(self, raw: Floats, widths: tuple[int, ...], count: int, seed: int) -> Task:
        """The prompts' mean need; `count` prompts, the held-out ones among them."""
        counts = np.bincount(self.rows, minlength=count)
        totals = np.bincount(self.rows, self.targets.target, count)
        need = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
        return Task(raw, widths, need, np.ones(count), Battles.none(), 0, seed)

    def ranked(self, scores: Doubles) -> Ranked:
        """Held-out labels by the scores of every prompt."""
        test = self.test
        return Ranked.of(
            scores[self.rows[test]], self.targets.weak[test], self.targets.strong[test]
        )

    def evidence(self, scores: Doubles, prompts: tuple[str, ...]) -> Evidence | None:
        """What the held-out labels show."""
        test, targets = self.test, self.targets
        rows = self.rows[test]
        texts = [prompts[int(row)] for row in cast("list[int]", rows.tolist())]
        return measure_evidence(texts, scores[rows], targets.weak[test], targets.strong[test])

    def certified(self, scores: Doubles) -> tuple[RetentionThreshold, ...]:
        """Every promise, certified on the held-out labels."""
        test = self.test
        weak, strong = self.targets.weak[test], self.targets.strong[test]
        judged = scores[self.rows[test]]
        return tuple(certified_threshold(judged, weak, strong, *promise) for promise in PROMISES)


def is_held_out(prompt: str, seed: int) -> bool:
    """By the text alone, so that a prompt stays on its side whatever else is in the data."""
    number = int.from_bytes(fingerprint(prompt)[:8], "little")
    return (number + seed) % _HELD_OUT == 0


def train_linear(
    raw: Floats,
    widths: tuple[int, ...],
    prompts: tuple[str, ...],
    targets: Targets,
    outcomes: Outcomes | None,
    seed: int = 0,
) -> TrainedLinear:
    """Fit `targets`; `raw` has a row for each of the distinct `prompts`. Raises TooFew."""
    split = _Split.of(prompts, targets, seed)
    rows, test = split.rows, split.test
    if len(set(targets.prompts)) < LEAST or not test.any() or test.all():
        raise TooFew(
            f"{len(set(targets.prompts))} labelled prompts; training from nothing takes {LEAST}, "
            "better 5,000: with fewer, adapt a bundle's router by --from"
        )
    known = raw[~split.held_out]
    mean, scale = known.mean(axis=0, dtype=np.float64), known.std(axis=0, dtype=np.float64)
    scale = np.where(scale > _SOME, scale, 1.0)
    columns = (raw - mean) / scale
    weights, alpha = best_ridge(columns[rows[~test]], targets.target[~test])
    along = columns @ weights
    slope, intercept = platt(along[rows[test]], split.happened)
    slope = max(slope, _SOME)  # a router that ranks held-out prompts backwards gets no promise
    scores = 1 / (1 + np.exp(-(slope * along + intercept)))
    profiles, quality = _qualities(columns, prompts, outcomes, split.held_out)
    arrays = {
        "mean": mean,
        "scale": scale,
        "weights": slope * weights,
        "bias": np.array(intercept),
        **quality,
    }
    ranked = split.ranked(scores)
    lengths = split.ranked(np.array([float(len(prompt)) for prompt in prompts]))
    judged = scores[rows[test]]
    return TrainedLinear(
        arrays={name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()},
        profiles=profiles,
        train=int((~test).sum()),
        held_out=int(test.sum()),
        alpha=alpha,
        apgr=apgr(decile_curve(ranked)),
        length_apgr=apgr(decile_curve(lengths)),
        gain=apgr_gain(ranked, lengths),
        brier=brier(judged, split.happened),
        ece=expected_calibration_error(judged, split.happened),
        scores=scores,
        retention=split.certified(scores),
        familiarity=fit_familiarity(split.task(raw, widths, len(prompts), seed), split.held_out),
        evidence=split.evidence(scores, prompts),
    )


def train_router(
    name: str,
    raw: Floats,
    widths: tuple[int, ...],
    prompts: tuple[str, ...],
    targets: Targets,
    seed: int = 0,
) -> TrainedRouter:
    """Fit a router of TRAINERS on the labels that `train_linear` trains on."""
    split = _Split.of(prompts, targets, seed)
    trainer = TRAINERS[name]
    task = split.task(raw, widths, len(prompts), seed).without(split.held_out)
    arrays = trainer.fit(task)
    logits = _logits(_scores(name, arrays, raw))
    slope, intercept = platt(logits[split.rows[split.test]], split.happened)
    served = trainer.with_curve(arrays, max(slope, _SOME), intercept)
    scores = _scores(name, served, raw)
    return TrainedRouter(
        arrays=served,
        scores=scores,
        apgr=apgr(decile_curve(split.ranked(scores))),
        retention=split.certified(scores),
    )


def certified_threshold(
    scores: Doubles, weak: Doubles, strong: Doubles, retention: float, confidence: float
) -> RetentionThreshold:
    """The threshold that labels certify; 0, all strong, where they certify none."""
    try:
        certified = keep_retention(scores, weak, strong, retention, confidence)
    except NoPromise:
        return RetentionThreshold(retention, confidence, 0.0, 1.0, own=True)
    share = certified.strong_share
    return RetentionThreshold(retention, confidence, certified.threshold, share, own=True)


def _qualities(
    columns: Doubles, prompts: tuple[str, ...], outcomes: Outcomes | None, held_out: Flags
) -> tuple[tuple[str, ...], dict[str, Doubles]]:
    """Each model by how its outcomes follow the ease that all of them share."""
    width = columns.shape[1]
    nothing = {"quality_weights": np.zeros((width, 0)), "quality_bias": np.zeros(0)}
    if outcomes is None:
        return (), nothing
    row_of = {prompt: row for row, prompt in enumerate(prompts)}
    rows = np.array([row_of[prompt] for prompt in outcomes.prompts])
    mine = ~held_out[rows]
    seen = outcomes.quality[mine]
    known = np.isfinite(seen)
    chosen = [m for m in range(seen.shape[1]) if known[:, m].sum() >= PROBED]
    if not chosen:
        return (), nothing
    totals = known.sum(axis=0)
    means = np.where(known, seen, 0).sum(axis=0) / np.maximum(totals, 1)
    answered = known.any(axis=1)
    surplus = np.where(known, seen - means, 0).sum(axis=1)[answered] / known.sum(axis=1)[answered]
    x = columns[rows[mine]]
    shared, _ = best_ridge(x[answered], surplus)
    lines = [platt((x @ shared)[known[:, m]], seen[known[:, m], m]) for m in chosen]
    return tuple(outcomes.models[m] for m in chosen), {
        "quality_weights": np.stack([max(slope, 0.0) * shared for slope, _ in lines], axis=1),
        "quality_bias": np.array([intercept for _, intercept in lines]),
    }


def _scores(name: str, arrays: Arrays, raw: Floats) -> Doubles:
    """By the code that serves."""
    head = ROUTERS[name](arrays)
    parts = [head.scores(raw[start : start + _PART]) for start in range(0, len(raw), _PART)]
    return np.concatenate(parts).astype(np.float64)


def _logits(scores: Doubles) -> Doubles:
    safe = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.log(safe / (1 - safe))
