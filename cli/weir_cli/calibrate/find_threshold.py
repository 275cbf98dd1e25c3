"""A threshold for one goal, with its promise, by the lab; printed or written into a bundle."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from weir_cli.lab_helpers import lab_failures, open_bundle, say_step, scores_of
from weir_cli.output import print_json
from weir_lab.arrays import Doubles
from weir_lab.bundles.extend_bundle import write_retention, write_shares
from weir_lab.calibration import keep_retention, snippet, strong_share, within_budget
from weir_lab.calibration.snippet import decimal
from weir_lab.datasets import Pair, load_pair
from weir_lab.datasets.load import load_prompts
from weir_lab.evidence import in_words, measure_evidence
from weir_scorer.engine.ports import Evidence, RetentionThreshold

_MANY = 1000  # requests that a budget is stated for


@dataclass(frozen=True, slots=True)
class _Threshold:
    threshold: float
    promises: Sequence[str]
    facts: dict[str, object]
    certified: RetentionThreshold | None = None  # what a bundle may keep of a retention


@dataclass(frozen=True, slots=True)
class Goal:
    """What the threshold must keep: exactly one of share, retention and budget."""

    share: float | None  # of prompts to the strong model, in [0, 1]
    retention: float | None  # of the strong model's quality, in (0, 1)
    budget: float | None  # USD per 1,000 requests
    confidence: float  # in (0, 1)


@dataclass(frozen=True, slots=True)
class Labels:
    """Where labelled outcomes are, and the two models to compare."""

    data: Path
    weak: str | None  # None: the cheapest
    strong: str | None  # None: the best


def find_threshold(
    bundle: Path, router: str, goal: Goal, labels: Labels, into: Path | None, *, as_json: bool
) -> None:
    """Find, write into a bundle if asked, and print. Raises Failure."""
    with open_bundle(bundle) as opened:
        with lab_failures():
            name = opened.engines[0].resolve(router)
            say_step(f"reading {labels.data}")
            by_labels = goal.share is None
            pair = load_pair(labels.data, labels.weak, labels.strong) if by_labels else None
            prompts = load_prompts(labels.data) if pair is None else pair.prompts
        scores = scores_of(opened, name, prompts)
    with lab_failures():
        found = _threshold(goal, pair, scores)
        shown = _evidence(pair, scores)
    version = opened.version if into is None else _keep(bundle, into, name, found, scores, shown)
    if as_json:
        facts = {"evidence": None if shown is None else asdict(shown)}
        print_json({"router": name, "bundle": version, **found.facts, **facts})
    else:
        lines = [] if shown is None else in_words(name, shown)
        click.echo(snippet(name, found.threshold, [*found.promises, *lines, f"bundle {version}"]))


def _evidence(pair: Pair | None, scores: Doubles) -> Evidence | None:
    """What the labels show of the router; None where there are no outcomes."""
    if pair is None:
        return None
    return measure_evidence(pair.prompts, scores, pair.weak, pair.strong)


def _threshold(goal: Goal, pair: Pair | None, scores: Doubles) -> _Threshold:
    if goal.share is not None:
        return _share(scores, goal.share, goal.confidence)
    if pair is not None and goal.retention is not None:
        return _retention(pair, scores, goal.retention, goal.confidence)
    if pair is not None and goal.budget is not None:
        return _budget(pair, scores, goal.budget / _MANY, goal.confidence)
    raise AssertionError("one goal was given")


def _keep(
    bundle: Path,
    into: Path,
    router: str,
    found: _Threshold,
    scores: Doubles,
    shown: Evidence | None,
) -> str:
    """Write a copy of the bundle with the promise, or with the distribution of these scores."""
    with lab_failures():
        if found.certified is None:
            return write_shares(bundle, into, router, scores)
        return write_retention(bundle, into, router, found.certified, shown)


def _share(scores: Doubles, share: float, confidence: float) -> _Threshold:
    found = strong_share(scores, share, confidence)
    promise = (
        f"sends {found.seen:.1%} of {found.prompts} prompts to the strong model; on others of the "
        f"same kind {found.low:.1%} to {found.high:.1%} ({confidence:.0%} confidence)"
    )
    return _Threshold(found.threshold, [promise], asdict(found))


def _retention(pair: Pair, scores: Doubles, retention: float, confidence: float) -> _Threshold:
    found = keep_retention(scores, pair.weak, pair.strong, retention, confidence)
    promise = (
        f"keeps {retention:.1%} of {pair.strong_name}'s quality with {confidence:.0%} confidence, "
        f"on prompts like these {found.prompts}"
    )
    seen = (
        f"seen: {found.retained:.1%} kept with {found.strong_share:.1%} strong calls "
        f"(+/- {found.share_margin:.1%}), the rest to {pair.weak_name}"
    )
    certified = RetentionThreshold(
        retention, confidence, float(decimal(found.threshold)), found.strong_share, own=True
    )
    return _Threshold(found.threshold, [promise, seen], asdict(found), certified)


def _budget(pair: Pair, scores: Doubles, usd: float, confidence: float) -> _Threshold:
    found = within_budget(scores, pair.weak_cost, pair.strong_cost, usd, confidence)
    promise = (
        f"costs ${_MANY * found.mean:.4g} per 1,000 requests, ${_MANY * found.bound:.4g} at most "
        f"with {confidence:.0%} confidence, on prompts like these {found.prompts}"
    )
    seen = (
        f"{found.strong_share:.1%} strong calls; all weak ${_MANY * found.all_weak:.4g}, "
        f"all strong ${_MANY * found.all_strong:.4g}"
    )
    return _Threshold(found.threshold, [promise, seen], asdict(found))
