"""Options and checks that several commands share."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from weir_runtime.quantities import duration

MICROS = 1_000_000
_HUNDRED = 100


def files_option(help_text: str, *, required: bool = True) -> Callable[..., Any]:
    """The repeatable option `-f`, which names policy files and folders of them."""
    return click.option(
        "-f",
        "--file",
        "paths",
        multiple=True,
        required=required,
        type=click.Path(exists=True, path_type=Path),
        help=help_text,
    )


FILES = files_option("A YAML file, or a folder of them; may be repeated.")
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
SEED = click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Seed of the random numbers; the same seed gives the same result.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a picture.")


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's programs keep what outlives them (XDG base directories)."""
    home = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/"), ".local", "state")
    return Path(home) / "weir"


def since_micros(since: str | None) -> int:
    """When `since` (`24h`; None: ever) began, in microseconds since 1970. Raises BadParameter."""
    if since is None:
        return 0
    try:
        return int((time.time() - duration(since)) * MICROS)
    except ValueError as error:
        raise click.BadParameter(f"write {error}", param_hint="--since") from error


class Percent(click.ParamType[float]):
    """`20%`, `20 %` or `0.2`: a share in [0, 1]."""

    name = "percent"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Raises click's own error for what is no share."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (_HUNDRED if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{value!r} is not a share; write 20% or 0.2", param, ctx)
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is not between 0% and 100%", param, ctx)
        return share
