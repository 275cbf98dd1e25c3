"""A linear router from labels alone: no prior, for those who have thousands of them.

Ridge regression on the need, its strength by exact leave-one-out on the training part; the curve
that makes a probability of it, and every figure, from the held-out part. Must not know files.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.calibration import keep_retention
from weir_lab.datasets import Outcomes
from weir_lab.datasets.texts import fingerprint
from weir_lab.errors import NoPromise, TooFew
from weir_lab.metrics import Ranked, apgr, brier, decile_curve, expected_calibration_error
from weir_lab.metrics.ranked import Floats
from weir_lab.training.needs import Needs
from weir_lab.training.platt import platt
from weir_scorer.engine.ports import RetentionThreshold

LEAST = 200  # labelled prompts; fewer go further from a prior
PROBED = 50  # outcomes of a model, for a quality profile
ALPHAS = tuple(10.0**power for power in np.arange(0, 6.5, 0.5))
PROMISES = tuple((kept, sure) for kept in (0.90, 0.95, 0.98) for sure in (0.90, 0.95))
_HELD_OUT = 5  # one prompt of so many
_SOME = 1e-9


@dataclass(frozen=True, slots=True)
class Trained:
    """A `linear` head's arrays, and what the held-out prompts say of it."""

    arrays: Mapping[str, NDArray[np.float32]]
    profiles: tuple[str, ...]
    train: int  # rows of labels
    held_out: int
    alpha: float
    apgr: float  # on the held-out rows, as are the others
    length_apgr: float
    brier: float
    ece: float
    scores: Floats  # of every prompt
    retention: tuple[RetentionThreshold, ...]


def is_held_out(prompt: str, seed: int) -> bool:
    """By the text alone, so that a prompt stays on its side whatever else is in the data."""
    number = int.from_bytes(fingerprint(prompt)[:8], "little")
    return (number + seed) % _HELD_OUT == 0


def train_scratch(
    raw: NDArray[np.float32],
    prompts: tuple[str, ...],
    needs: Needs,
    outcomes: Outcomes | None,
    seed: int = 0,
) -> Trained:
    """Fit `needs`; `raw` has a row for each of the distinct `prompts`. Raises TooFew."""
    place = {prompt: row for row, prompt in enumerate(prompts)}
    rows = np.array([place[prompt] for prompt in needs.prompts])
    held = np.array([is_held_out(prompt, seed) for prompt in prompts])
    test = held[rows]
    if len(set(needs.prompts)) < LEAST or not test.any() or test.all():
        raise TooFew(
            f"{len(set(needs.prompts))} labelled prompts; training from nothing takes {LEAST}, "
            "better 5,000: with fewer, adapt a bundle's router by --from"
        )
    mean, scale = (
        raw[~held].mean(axis=0, dtype=np.float64),
        raw[~held].std(axis=0, dtype=np.float64),
    )
    scale = np.where(scale > _SOME, scale, 1.0)
    columns = (raw - mean) / scale
    weights, alpha = best_ridge(columns[rows[~test]], needs.target[~test])
    along = columns @ weights
    happened = (needs.strong > needs.weak).astype(np.float64)
    slope, intercept = platt(along[rows[test]], happened[test])
    slope = max(slope, _SOME)  # what ranks backwards on held-out prompts promises nothing
    scores = 1 / (1 + np.exp(-(slope * along + intercept)))
    seen = scores[rows[test]]
    weak, strong = needs.weak[test], needs.strong[test]
    profiles, quality = _qualities(columns, prompts, outcomes, held)
    arrays = {
        "mean": mean,
        "scale": scale,
        "weights": slope * weights,
        "bias": np.array(intercept),
        **quality,
    }
    lengths = np.array([float(len(prompt)) for prompt in needs.prompts])[test]
    return Trained(
        arrays={name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()},
        profiles=profiles,
        train=int((~test).sum()),
        held_out=int(test.sum()),
        alpha=alpha,
        apgr=apgr(decile_curve(Ranked.of(seen, weak, strong))),
        length_apgr=apgr(decile_curve(Ranked.of(lengths, weak, strong))),
        brier=brier(seen, happened[test]),
        ece=expected_calibration_error(seen, happened[test]),
        scores=scores,
        retention=tuple(promise(seen, weak, strong, *asked) for asked in PROMISES),
    )


def best_ridge(columns: Floats, target: Floats) -> tuple[Floats, float]:
    """Weights and strength; of ALPHAS the one with the least left-one-out error (exact)."""
    centred = columns - columns.mean(axis=0)
    wanted = target - target.mean()
    values, vectors = np.linalg.eigh(centred.T @ centred)
    turned = centred @ vectors
    projected, squares = turned.T @ wanted, turned**2
    best: tuple[float, float, Floats] | None = None
    for alpha in ALPHAS:
        damped = np.maximum(values, 0) + alpha
        weights = vectors @ (projected / damped)
        leverage = squares @ (1 / damped) + 1 / len(wanted)
        error = float(
            (((wanted - centred @ weights) / np.maximum(1 - leverage, _SOME)) ** 2).mean()
        )
        if best is None or error < best[0]:
            best = error, alpha, weights
    if best is None:
        raise AssertionError("there are strengths to try")
    return best[2], best[1]


def _qualities(
    columns: Floats, prompts: tuple[str, ...], outcomes: Outcomes | None, held: NDArray[np.bool_]
) -> tuple[tuple[str, ...], dict[str, Floats]]:
    """Each model by how its outcomes follow the ease that all of them share."""
    width = columns.shape[1]
    nothing = {"quality_weights": np.zeros((width, 0)), "quality_bias": np.zeros(0)}
    if outcomes is None:
        return (), nothing
    place = {prompt: row for row, prompt in enumerate(prompts)}
    rows = np.array([place[prompt] for prompt in outcomes.prompts])
    mine = ~held[rows]
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


def promise(
    scores: Floats, weak: Floats, strong: Floats, kept: float, sure: float
) -> RetentionThreshold:
    """What the held-out labels certify; threshold 0, all strong, where they certify nothing."""
    try:
        found = keep_retention(scores, weak, strong, kept, sure)
    except NoPromise:
        return RetentionThreshold(kept, sure, 0.0, 1.0)
    return RetentionThreshold(kept, sure, found.threshold, found.strong_share)
