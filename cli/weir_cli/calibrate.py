"""`weir calibrate`: a threshold and what it promises. Thin: the lab does the work."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from weir_cli.lab_helpers import Percent, lab_failures, open_bundle, say_step, scores_of
from weir_cli.options import BUNDLE, JSON, existing_bundle
from weir_cli.output import print_json
from weir_lab.calibration import keep_retention, snippet, strong_share, within_budget
from weir_lab.calibration.snippet import decimal
from weir_lab.datasets import Pair, load_pair
from weir_lab.datasets.prompts import load_prompts
from weir_lab.metrics.ranked import Floats
from weir_lab.training.calibrated import write_retention, write_shares
from weir_scorer.engine.ports import RetentionThreshold

_MANY = 1000  # requests that a budget is stated for


@dataclass(frozen=True, slots=True)
class _Found:
    threshold: float
    promises: Sequence[str]
    facts: dict[str, object]
    kept: RetentionThreshold | None = None  # what a bundle may keep of a retention


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Labelled outcomes; for a share, any file with a column `prompt` will do.",
)
@BUNDLE
@click.option("--router", default="default", show_default=True, help="A router of the bundle.")
@click.option("--share", type=Percent(), help="Send this share of prompts to the strong model.")
@click.option("--retention", type=Percent(), help="Keep this much of the strong model's quality.")
@click.option(
    "--budget", type=click.FloatRange(min=0), help="Spend this much: USD a 1,000 requests."
)
@click.option("--confidence", type=Percent(), default="95%", show_default=True)
@click.option("--weak", help="The weak model.  [default: the cheapest]")
@click.option("--strong", help="The strong model.  [default: the best]")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Write a bundle that has what is found as its own: for a share or a retention. "
    "May be the bundle itself.",
)
@JSON
def calibrate(  # noqa: PLR0913 - one parameter an option
    *,
    data: Path,
    bundle: Path,
    router: str,
    share: float | None,
    retention: float | None,
    budget: float | None,
    confidence: float,
    weak: str | None,
    strong: str | None,
    into: Path | None,
    as_json: bool,
) -> None:
    """Find a threshold for exactly one of --share, --retention and --budget.

    Prints YAML to paste into a RoutePolicy. Where no threshold can keep the promise, it says so
    and ends with 1.
    """
    if sum(goal is not None for goal in (share, retention, budget)) != 1:
        raise click.UsageError("give exactly one of --share, --retention and --budget")
    if into is not None and budget is not None:
        raise click.UsageError("a bundle keeps shares and retentions; a budget is the policy's")
    if not 0 < confidence < 1:
        raise click.BadParameter("must lie between 0% and 100%", param_hint="--confidence")
    if retention is not None and not 0 < retention < 1:
        raise click.BadParameter("must lie between 0% and 100%", param_hint="--retention")
    with open_bundle(existing_bundle(bundle)) as opened:
        with lab_failures():
            name = opened.engines[0].resolve(router)
            say_step(f"reading {data}")
            pair = None if share is not None else load_pair(data, weak, strong)
            prompts = load_prompts(data) if pair is None else pair.prompts
        scores = scores_of(opened, name, prompts)
    with lab_failures():
        if share is not None:
            found = _share(scores, share, confidence)
        elif pair is not None and retention is not None:
            found = _retention(pair, scores, retention, confidence)
        elif pair is not None and budget is not None:
            found = _budget(pair, scores, budget / _MANY, confidence)
        else:
            raise AssertionError("one goal was given")
    version = opened.version if into is None else _keep(bundle, into, name, found, scores)
    if as_json:
        print_json({"router": name, "bundle": version, **found.facts})
    else:
        click.echo(snippet(name, found.threshold, [*found.promises, f"bundle {version}"]))


def _keep(bundle: Path, into: Path, router: str, found: _Found, scores: Floats) -> str:
    """As the bundle's own: a retention's promise, or how scores lie over these prompts."""
    with lab_failures():
        if found.kept is None:
            return write_shares(bundle, into, router, scores)
        return write_retention(bundle, into, router, found.kept)


def _share(scores: Floats, share: float, confidence: float) -> _Found:
    found = strong_share(scores, share, confidence)
    promise = (
        f"sends {found.seen:.1%} of {found.prompts} prompts to the strong model; on others of the "
        f"kind {found.low:.1%} to {found.high:.1%} ({confidence:.0%} confidence)"
    )
    return _Found(found.threshold, [promise], asdict(found))


def _retention(pair: Pair, scores: Floats, retention: float, confidence: float) -> _Found:
    found = keep_retention(scores, pair.weak, pair.strong, retention, confidence)
    promise = (
        f"keeps {retention:.1%} of {pair.strong_name}'s quality with {confidence:.0%} confidence, "
        f"on prompts like these {found.prompts}"
    )
    seen = (
        f"seen: {found.kept:.1%} kept with {found.strong_share:.1%} strong calls "
        f"(+/- {found.share_margin:.1%}), the rest to {pair.weak_name}"
    )
    kept = RetentionThreshold(
        retention, confidence, float(decimal(found.threshold)), found.strong_share
    )
    return _Found(found.threshold, [promise, seen], asdict(found), kept)


def _budget(pair: Pair, scores: Floats, usd: float, confidence: float) -> _Found:
    found = within_budget(scores, pair.weak_cost, pair.strong_cost, usd, confidence)
    promise = (
        f"costs ${_MANY * found.mean:.4g} per 1,000 requests, ${_MANY * found.bound:.4g} at most "
        f"with {confidence:.0%} confidence, on prompts like these {found.prompts}"
    )
    seen = (
        f"{found.strong_share:.1%} strong calls; all weak ${_MANY * found.all_weak:.4g}, "
        f"all strong ${_MANY * found.all_strong:.4g}"
    )
    return _Found(found.threshold, [promise, seen], asdict(found))
