"""`weir import litellm|routellm`: what people run today, as policies and backends."""

from pathlib import Path

import click

from weir_cli.importing.litellm import import_litellm
from weir_cli.importing.result import finish
from weir_cli.importing.routellm import RouteLLM, import_routellm

OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write backends.yaml and policies.yaml into this folder; else print them.",
)
JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print resources and notes as one JSON document."
)


@click.group(name="import")
def import_() -> None:
    """Write policies and backends from another gateway's configuration.

    What has no counterpart is told line by line on standard error. Keys are never copied: a
    backend names the environment variable that holds its key.
    """


@import_.command()
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@OUT
@JSON
def litellm(config: Path, out: Path | None, *, as_json: bool) -> None:
    """Import a LiteLLM proxy's config.yaml."""
    finish(import_litellm(config), out, as_json=as_json)


@import_.command()
@click.option("--routers", default="mf", help="RouteLLM's --routers, separated by commas.")
@click.option("--strong-model", required=True, help="RouteLLM's --strong-model.")
@click.option("--weak-model", required=True, help="RouteLLM's --weak-model.")
@click.option("--base-url", default="", help="RouteLLM's --base-url: the address of both models.")
@click.option(
    "--strong-model-pct",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="The share that RouteLLM's thresholds were calibrated for.",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="RouteLLM's --config, to be told what of it has no counterpart.",
)
@OUT
@JSON
def routellm(  # noqa: PLR0913 - one parameter per option
    routers: str,
    strong_model: str,
    weak_model: str,
    base_url: str,
    strong_model_pct: float,
    config: Path | None,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Import the options of a RouteLLM server; clients keep writing router-mf-0.11593."""
    names = tuple(name.strip() for name in routers.split(",") if name.strip())
    options = RouteLLM(names, strong_model, weak_model, base_url, strong_model_pct, config)
    finish(import_routellm(options), out, as_json=as_json)
