"""Options and checks that several commands share."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import click

from weir_cli.failure import Failure
from weir_runtime.quantities import duration

MICROS = 1_000_000
DEFAULT_BUNDLE = Path(".cache/bundle")

FILES = click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A YAML file, or a folder of them. May be given more than once.",
)
BUNDLE = click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    default=DEFAULT_BUNDLE,
    show_default=True,
    envvar="WEIR_BUNDLE",
    show_envvar=True,
    help="The scorer's bundle.",
)
LEDGER = click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    default=lambda: state_folder(os.environ) / "ledger.db",
    show_default="$XDG_STATE_HOME/weir/ledger.db",
    envvar="WEIR_LEDGER",
    show_envvar=True,
    help="The SQLite file with a row per request.",
)
BATCHES = click.option(
    "--batches",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: state_folder(os.environ) / "batches",
    show_default="$XDG_STATE_HOME/weir/batches",
    envvar="WEIR_BATCHES",
    show_envvar=True,
    help="The folder of /v1/files and /v1/batches.",
)
SPEND = click.option(
    "--spend",
    type=click.Path(dir_okay=False, path_type=Path),
    default=lambda: state_folder(os.environ) / "spend.db",
    show_default="$XDG_STATE_HOME/weir/spend.db",
    envvar="WEIR_SPEND",
    show_envvar=True,
    help="The SQLite file that keeps what budgets have spent.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a picture.")


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's programs keep what outlives them (XDG base directories)."""
    home = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/"), ".local", "state")
    return Path(home) / "weir"


def existing_bundle(bundle: Path) -> Path:
    """The bundle's folder. Raises Failure, saying how to build it, where there is none."""
    if not (bundle / "bundle.json").is_file():
        raise Failure(f"There is no bundle in {bundle}.", hint=f"weir bundle build --out {bundle}")
    return bundle


def since_micros(since: str | None) -> int:
    """When `since` (`24h`; None: ever) began, in microseconds since 1970. Raises BadParameter."""
    if since is None:
        return 0
    try:
        return int((time.time() - duration(since)) * MICROS)
    except ValueError as error:
        raise click.BadParameter(f"write {error}", param_hint="--since") from error
