"""The options of `weir profile`; the lab is imported when the command runs."""

from pathlib import Path

import click

from weir_cli.bundles import bundle_option, require_bundle
from weir_cli.options import JSON


@click.command()
@bundle_option("The bundle that the model joins.", "--from", "start")
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
    start: Path | None,
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
    from weir_cli.profile.add_model import (  # noqa: PLC0415 - needs the lab's libraries
        ProfileOptions,
        add_model,
    )

    options = ProfileOptions(require_bundle(start), data, model, name or model, router, out)
    add_model(options, as_json=as_json)
