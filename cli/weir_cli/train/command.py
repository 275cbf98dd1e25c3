"""The options of `weir train`; the lab is imported when the command runs."""

import os
from pathlib import Path

import click

from weir_cli.bundles import bundle_option, require_bundle
from weir_cli.options import JSON, SEED

_DEFAULT = ""  # `--from` without a value


@click.command()
@click.option(
    "--from",
    "start",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[BUNDLE]",
    help="Adapt a router of this bundle, best with some hundreds of labels. Without a value: "
    "the bundle of WEIR_BUNDLE, or else the default one.",
)
@bundle_option("Without --from: the bundle whose encoder reads the prompts.", "--encoder")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Labels of your traffic: outcomes of models on the same prompts; or preferences.",
)
@click.option(
    "--agents",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="RUNS",
    help="Instead of --data: a ledger with rated requests of agents, or a parquet file of their "
    "runs; writes agents' weights.",
)
@click.option("--harness", help="With --agents: the harness, where RUNS has several.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The new bundle; with --agents the file of weights.",
)
@click.option("--router", default="linear", show_default=True, help="The router to start from.")
@click.option(
    "--name", default="adapted", show_default=True, help="With --from: the new router's name."
)
@click.option(
    "--also",
    multiple=True,
    metavar="ROUTER",
    help="Without --from: another router beside the linear one, as knn or cluster; repeatable.",
)
@click.option("--weak", help="The weak model.  [default: the cheapest]")
@click.option("--strong", help="The strong model.  [default: the best]")
@click.option(
    "--held-out",
    type=click.Path(path_type=Path),
    help="Prompts kept for judging: labels that equal or overlap one of them are left out.",
)
@SEED
@JSON
def train(  # noqa: PLR0913 - one parameter per option
    *,
    start: str | None,
    encoder: Path | None,
    data: Path | None,
    agents: Path | None,
    harness: str | None,
    out: Path,
    router: str,
    name: str,
    also: tuple[str, ...],
    weak: str | None,
    strong: str | None,
    held_out: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Train a router on labelled prompts of your own, and write a new bundle.

    With --from, a router of that bundle is adapted: at least 50 labels, some hundreds do well. The
    new router is the new bundle's default where the labels show that it is better; the old ones
    stay. Without --from, everything is learnt from the data alone: at least 200 labels, better
    5,000; an interrupted run continues where it stopped. The same labels and seed give the same
    bundle, bit for bit.

    With --agents, the scores of agents' runs are fitted to one harness: at least 50 labelled runs.
    """
    if (data is None) == (agents is None):
        raise click.UsageError("give one of --data and --agents")
    if agents is not None:
        from weir_cli.train.agents import train_agents  # noqa: PLC0415 - needs the lab

        train_agents(agents, out, harness, seed, as_json=as_json)
        return
    if harness is not None:
        raise click.UsageError("--harness goes with --agents, not with --data")
    data = data or Path()
    if start is not None and also:
        raise click.UsageError("--also goes without --from: an adapted bundle keeps its routers")
    if start is not None and not _is_router_name(name, router):
        raise click.BadParameter(
            f"{name!r}: letters, digits, - and _, and another name than the router's",
            param_hint="--name",
        )
    from weir_cli.train.adapt_bundle import adapt_bundle  # noqa: PLC0415 - needs the lab
    from weir_cli.train.from_scratch import (  # noqa: PLC0415 - as above
        TrainOptions,
        train_from_scratch,
    )

    named = encoder if start is None else (Path(start) if start else _from_environment())
    options = TrainOptions(
        require_bundle(named), data, out, router, weak, strong, held_out, seed, also
    )
    if start is None:
        train_from_scratch(options, as_json=as_json)
    else:
        adapt_bundle(options, name, as_json=as_json)


def _is_router_name(name: str, router: str) -> bool:
    letters = name.replace("-", "_").replace("_", "a")
    return letters.isalnum() and name not in {"default", router}


def _from_environment() -> Path | None:
    value = os.environ.get("WEIR_BUNDLE")
    return Path(value) if value else None
