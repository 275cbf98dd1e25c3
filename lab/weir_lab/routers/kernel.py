"""Few-shot adaptation: a bundle's linear router corrected by labels of one's own traffic.

The correction is a Gaussian-kernel regression of the gain (strong less weak) on the router's own
columns, averaged over kernels by the labels' marginal likelihood; nothing else is tuned. The prior
is added once more, with a weight that falls with the number of labels, so that an unlucky draw of
few labels does little harm. Where the labels don't predict one another, the prior stays unchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles
from weir_lab.datasets import Pair
from weir_lab.errors import TooFew
from weir_lab.metrics import Interval, Ranked, apgr, apgr_gain, decile_curve
from weir_lab.routers.kernel_regression import WIDTHS, Fit, fit, squared_distances
from weir_lab.routers.regression import platt
from weir_lab.routers.task import Columns

LEAST = 50  # labels; the prior is better than a fit to fewer
MOST = 3000  # labels that are fitted; the time grows with their cube
# So many labels weigh as much as the prior, each with deviation 1. The least of those tried with
# which no draw of 100, 300 or 500 labels lost more than .005 of APGR on the recorded sources.
PRIOR_LABELS = 200
_SOME = 1e-9


@dataclass(frozen=True, slots=True)
class Adapted:
    """A `kernel` head's arrays, and what the labels say of it (each judged by the others)."""

    arrays: Mapping[str, NDArray[np.float32]]
    labels: int
    prior_only: bool  # the labels added nothing to the prior
    prior_apgr: float
    left_out_apgr: float
    gain: Interval  # the router's APGR over the prior's, paired
    noise: float
    scores: Doubles  # of the labelled prompts, each from the others
    prior: Doubles  # the prior's scores of these prompts
    chosen: NDArray[np.intp]  # the rows of the labels that were fitted
    columns: Doubles  # of the labelled prompts, as blocks give them: what is like them is known

    @property
    def improved(self) -> bool:
        """Whether the labels show a difference: the gain's interval lies above 0."""
        return self.gain.low > 0


def adapt(columns: Columns, pair: Pair, seed: int = 0) -> Adapted:
    """Fit the labels of `pair`; `columns` has a row for each of its prompts. Raises TooFew.

    Of more than MOST labels, MOST are drawn by `seed`. Equal inputs give equal bits.
    """
    if len(pair) < LEAST:
        raise TooFew(
            f"{len(pair)} labelled prompts; adapting takes {LEAST}, and some hundreds do it well"
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pair))[:MOST])
    rows, prior = columns.rows[chosen], columns.prior[chosen]
    gain = (pair.strong - pair.weak)[chosen]
    metric = _metric(rows, columns.widths)
    centre, spread = float(prior.mean()), max(float(prior.std()), _SOME)
    standard = (prior - centre) / spread
    found = fit(rows * metric, standard, gain)
    found = found.with_more_prior(PRIOR_LABELS / len(gain) * float(found.left_out.std()), standard)
    slope, intercept = platt(found.left_out, (gain > 0).astype(np.float64))
    prior_only = slope <= 0
    logits = prior if prior_only else slope * found.left_out + intercept
    arrays = (
        _unchanged(columns.head)
        if prior_only
        else _corrected(
            columns.head, found, rows * metric, metric, (centre, spread), (slope, intercept)
        )
    )
    weak, strong = pair.weak[chosen], pair.strong[chosen]
    before, after = Ranked.of(prior, weak, strong), Ranked.of(logits, weak, strong)
    return Adapted(
        arrays={name: np.asarray(a, dtype=np.float32) for name, a in arrays.items()},
        labels=len(chosen),
        prior_only=prior_only,
        prior_apgr=apgr(decile_curve(before)),
        left_out_apgr=apgr(decile_curve(after)),
        gain=apgr_gain(after, before, seed=seed),
        noise=found.noise,
        scores=1 / (1 + np.exp(-logits)),
        prior=1 / (1 + np.exp(-prior)),
        chosen=chosen,
        columns=rows * columns.head["scale"] + columns.head["mean"],
    )


def _metric(rows: Doubles, widths: tuple[int, ...]) -> Doubles:
    """The factor of each column: deviations become 1, and each block weighs the same."""
    deviation = rows.std(axis=0)
    share = np.repeat([1 / (width * len(widths)) for width in widths], widths)
    return np.where(deviation > _SOME, np.sqrt(share) / np.maximum(deviation, _SOME), 0.0)


def _unchanged(head: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The prior itself, as a kernel head without anchors."""
    width = len(head["weights"])
    nothing = np.zeros(0, dtype=np.float32)
    return {
        **head,
        "metric": np.ones(width, dtype=np.float32),
        "anchors": nothing.reshape(0, width),
        "widths": np.array(WIDTHS, dtype=np.float32),
        "duals": nothing.reshape(0, len(WIDTHS)),
    }


def _corrected(
    head: Mapping[str, NDArray[np.float32]],
    found: Fit,
    anchors: Doubles,
    metric: Doubles,
    prior: tuple[float, float],
    curve: tuple[float, float],
) -> dict[str, Doubles]:
    """The served form: logit = weights . row + bias + the anchors' pull.

    `prior` is the mean and the deviation of the prior's logits, `curve` the slope and intercept of
    the probability. The fit's constant is dropped: `curve` was fitted on left-out predictions with
    the labels' mean, which the correction has too once the anchors' mean pull is subtracted.
    """
    (centre, spread), (slope, intercept) = prior, curve
    along = slope * found.slope / spread
    pull = found.pull(squared_distances(anchors, anchors))
    offset = intercept + slope * (found.mean - float(pull.mean()))
    wide = {name: array.astype(np.float64) for name, array in head.items()}
    parts = [part for part in ("", "sense_") if f"{part}weights" in wide]
    return {
        **wide,
        **{f"{part}weights": along * wide[f"{part}weights"] for part in parts},
        **{
            f"{part}bias": np.array(offset + along * (float(wide[f"{part}bias"]) - centre))
            for part in parts
        },
        "metric": metric,
        "anchors": anchors,
        "widths": np.array(found.widths),
        "duals": slope * found.duals,
    }
