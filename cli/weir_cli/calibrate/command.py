"""The options of `weir calibrate`; the lab is imported when the command runs."""

from pathlib import Path

import click

from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.options import JSON, Percent


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
    "--budget", type=click.FloatRange(min=0), help="Spend this much: USD per 1,000 requests."
)
@click.option(
    "--confidence",
    type=Percent(),
    default="95%",
    show_default=True,
    help="How sure the promise must be, between 0% and 100%.",
)
@click.option("--weak", help="The weak model.  [default: the cheapest]")
@click.option("--strong", help="The strong model.  [default: the best]")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    help="Write a bundle that contains the share or retention found. May be the bundle itself.",
)
@JSON
def calibrate(  # noqa: PLR0913 - one parameter per option
    *,
    data: Path,
    bundle: Path | None,
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
    and exits with status 1.
    """
    if sum(goal is not None for goal in (share, retention, budget)) != 1:
        raise click.UsageError("give exactly one of --share, --retention and --budget")
    if into is not None and budget is not None:
        raise click.UsageError("a bundle contains shares and retentions; a budget is the policy's")
    if not 0 < confidence < 1:
        raise click.BadParameter("must lie between 0% and 100%", param_hint="--confidence")
    if retention is not None and not 0 < retention < 1:
        raise click.BadParameter("must lie between 0% and 100%", param_hint="--retention")
    from weir_cli.calibrate.find_threshold import (  # noqa: PLC0415 - needs the lab's libraries
        Goal,
        Labels,
        find_threshold,
    )

    goal = Goal(share, retention, budget, confidence)
    labels = Labels(data, weak, strong)
    find_threshold(require_bundle(bundle), router, goal, labels, into, as_json=as_json)
