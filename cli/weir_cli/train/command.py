"""`weir train`: a router for one's own traffic, from labels. Thin: the lab does the work."""

from dataclasses import asdict
from pathlib import Path

import click

from weir_cli.lab_helpers import columns_of, lab_failures, say_step
from weir_cli.options import DEFAULT_BUNDLE, JSON, existing_bundle
from weir_cli.output import print_json
from weir_cli.train.from_scratch import TrainOptions, train_from_scratch
from weir_lab.datasets import Pair, find_leaks, load_pair
from weir_lab.datasets.prompts import load_prompts
from weir_lab.training import Adapted, adapt, write_adapted
from weir_lab.training.adapt import MOST
from weir_lab.training.write import Origin

_FEW = 300  # labels


@click.command()
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path),
    help="A bundle whose router is adapted: does most with some hundreds of labels.",
)
@click.option(
    "--encoder",
    type=click.Path(path_type=Path),
    default=DEFAULT_BUNDLE,
    show_default=True,
    help="Without --from: the bundle whose encoder reads the prompts.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Labels of your traffic: outcomes of models on the same prompts; or preferences.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The new bundle.")
@click.option("--router", default="linear", show_default=True, help="The router to start from.")
@click.option(
    "--name", default="adapted", show_default=True, help="With --from: the new router's name."
)
@click.option(
    "--also",
    multiple=True,
    type=click.Choice(["knn", "cluster"]),
    help="Without --from: another router beside the linear one; may be given more than once.",
)
@click.option("--weak", help="The weak model.  [default: the cheapest]")
@click.option("--strong", help="The strong model.  [default: the best]")
@click.option(
    "--held-out",
    type=click.Path(path_type=Path),
    help="Prompts kept for judging: labels that equal or overlap one of them are left out.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@JSON
def train(  # noqa: PLR0913 - one parameter an option
    *,
    start: Path | None,
    encoder: Path,
    data: Path,
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

    With --from a bundle's router is adapted: 50 labels at least, some hundreds do it well; the new
    router is the new bundle's default and the old ones stay. Without, everything is learnt from
    the data alone: 200 labels at least, better 5,000; an interrupted run goes on where it stopped.
    The same labels and seed give the same bundle, bit for bit.
    """
    if start is None:
        return train_from_scratch(
            TrainOptions(
                existing_bundle(encoder), data, out, router, weak, strong, held_out, seed, also
            ),
            as_json=as_json,
        )
    if also:
        raise click.UsageError("--also goes without --from: an adapted bundle keeps its routers")
    if not name.replace("-", "_").replace("_", "a").isalnum() or name in {"default", router}:
        raise click.BadParameter(
            f"{name!r}: letters, digits, - and _, and another name than the router's",
            param_hint="--name",
        )
    with lab_failures():
        say_step(f"reading {data}")
        pair = _apart(load_pair(data, weak, strong), held_out)
    columns = columns_of(existing_bundle(start), router, pair.prompts)
    with lab_failures():
        say_step(f"fitting {min(len(pair), MOST)} labels")
        adapted = adapt(columns, pair, seed)
        origin = Origin(columns.router, data.name, pair.weak_name, pair.strong_name)
        version = write_adapted(start, out, name, adapted, origin)
    return _report(adapted, pair, name, version, out, as_json=as_json)


def _apart(pair: Pair, held_out: Path | None) -> Pair:
    """Without the labels that an evaluation on the held-out prompts must not have seen."""
    if held_out is None:
        return pair
    leaks = find_leaks(pair.prompts, load_prompts(held_out))
    dropped = int(leaks.any.sum())
    return pair.only(~leaks.any, f"{dropped} labels left out: {leaks.summary}") if dropped else pair


def _report(
    adapted: Adapted, pair: Pair, name: str, version: str, out: Path, *, as_json: bool
) -> None:
    facts = {k: v for k, v in asdict(adapted).items() if k not in {"arrays", "scores"}}
    if as_json:
        print_json({"bundle": version, "router": name, **facts, "notes": list(pair.notes)})
        return
    click.echo(f"{version} in {out}: router {name}, the default")
    click.echo(
        f"APGR on the {adapted.labels} labels: {adapted.left_out_apgr:.3f} (each scored from the "
        f"others); before: {adapted.prior_apgr:.3f}"
    )
    if adapted.prior_kept:
        click.echo("The labels told nothing new: the router ranks as before.")
    for note in pair.notes:
        click.echo(f"note: {note}", err=True)
    if adapted.labels < _FEW:
        click.echo(f"note: {adapted.labels} labels are few; {_FEW} or more do better", err=True)
