"""`weir profile`: a model's quality profile from probes. Thin: the lab does the work."""

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from weir_cli.failure import Failure
from weir_cli.lab_helpers import columns_of, lab_failures, say_step
from weir_cli.options import DEFAULT_BUNDLE, JSON, existing_bundle
from weir_cli.output import print_json
from weir_lab.datasets import load_outcomes
from weir_lab.training import (
    Joined,
    Profile,
    fit_joining,
    fit_profile,
    qualities_of,
    write_joined,
    write_profile,
)


@click.command()
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path),
    default=DEFAULT_BUNDLE,
    show_default=True,
    help="The bundle that the model joins.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="The model's outcomes on probe prompts: prompt, model, score.",
)
@click.option("--model", required=True, help="The model, as it is recorded.")
@click.option("--name", help="The profile's name.  [default: the model's]")
@click.option("--router", default="linear", show_default=True, help="A router with qualities.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The new bundle.")
@JSON
def profile(
    *,
    start: Path,
    data: Path,
    model: str,
    name: str | None,
    router: str,
    out: Path,
    as_json: bool,
) -> None:
    """Add a model to a bundle by its outcomes on probe prompts, and write a new bundle.

    50 probes at least; 300 place a model well. Scores do not change; the predicted qualities get
    a column, in place of an older one of that name.
    """
    with lab_failures():
        say_step(f"reading {data}")
        outcomes = load_outcomes(data)
        if model not in outcomes.models:
            raise Failure(
                f"Nothing is recorded for model {model!r}.",
                hint=f"There are: {', '.join(outcomes.models)}",
            )
        scores = outcomes.quality[:, outcomes.models.index(model)]
        probes = outcomes.only(np.isfinite(scores))
        scores = scores[np.isfinite(scores)]
    columns = columns_of(existing_bundle(start), router, probes.prompts)
    with lab_failures():
        called = name or model
        shared = qualities_of(start, router)
        fitted: Joined | Profile
        if shared is None:
            fitted = fit_profile(columns, scores)
            version = write_profile(start, out, called, fitted, data.name)
        else:
            fitted = fit_joining(columns, shared[1], scores)
            version = write_joined(start, out, called, router, fitted, data.name)
    facts = {k: v for k, v in asdict(fitted).items() if k not in {"weights", "bias", "row"}}
    if as_json:
        print_json({"bundle": version, "profile": name or model, **facts})
        return
    click.echo(f"{version} in {out}: profile {name or model}")
    click.echo(
        f"{fitted.probes} probes, mean {fitted.mean:.3f}; held-out Brier score {fitted.brier:.3f}, "
        f"against {fitted.brier_constant:.3f} for the mean alone"
    )
