"""`weir key`: make, list and revoke client keys; the file has only their hashes."""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import click
from rich.table import Table

from weir_cli.failure import Failure
from weir_cli.options import JSON
from weir_cli.output import show
from weir_gateway.adapters.keys import MAX_WEIGHT, KeysError, parse
from weir_policy.spec.limits import COUNT, DIMENSIONS
from weir_runtime.quantities import duration

PREFIX: Final = "wk-"  # by which secret scanners, and people, know one
RANDOM_BYTES: Final = 32

Entry = dict[str, Any]

FILE = click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    envvar="WEIR_KEYS",
    show_envvar=True,
    help="The keys file; made by the first `create`.",
)


def _limits(command: Callable[..., None]) -> Callable[..., None]:
    """An option for each limit that a key may have."""
    rows = sorted(DIMENSIONS, key=lambda row: row.measure.is_money)
    for row in reversed(rows):
        option = f"--{row.attribute.replace('_', '-')}"
        help_ = _limit_help(option)
        if row.measure.is_money:
            add = click.option(option, metavar="USD", help=f"{help_}, such as 2.50.")
        else:
            number = click.IntRange(COUNT.at_least, COUNT.at_most)
            add = click.option(option, type=number, help=f"{help_}.")
        command = add(command)
    return command


def _limit_help(option: str) -> str:
    words = option.removeprefix("--").replace("usd", "USD").replace("-per-", " a ")
    return f"At most so many {words.replace('-', ' ')}"


@click.group()
def key() -> None:
    """Make, list and revoke client keys."""


@key.command()
@FILE
@click.option("--name", required=True, help="Whose key it is; shown in ledger, logs and metrics.")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    default=("*",),
    show_default=True,
    help="A policy it may use, as namespace/name; * stands for anything. May be given again.",
)
@click.option("--direct/--no-direct", default=True, help="May call backends by their own names.")
@click.option(
    "--client-threshold/--no-client-threshold", default=True, help="May choose the threshold."
)
@click.option("--expires", metavar="DURATION", help="Ends after this time, such as 720h.")
@click.option("--feedback/--no-feedback", default=True, help="May give feedback on its answers.")
@click.option(
    "--feedback-weight",
    type=click.FloatRange(0, MAX_WEIGHT, min_open=True),
    default=1.0,
    show_default=True,
    help="How much its feedback counts, relative to other keys'.",
)
@_limits
def create(  # noqa: PLR0913 - one parameter an option
    path: Path,
    name: str,
    policies: tuple[str, ...],
    expires: str | None,
    *,
    direct: bool,
    client_threshold: bool,
    feedback: bool,
    feedback_weight: float,
    **limits: int | str | None,
) -> None:
    """Make a key and print it: it is shown only this once and stored nowhere."""
    entries = _read(path) if path.exists() else []
    if any(entry["name"] == name for entry in entries):
        raise Failure(f"There is a key named {name} already.", hint="revoke it first")
    key_text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    entry: Entry = {
        "name": name,
        "sha256": hashlib.sha256(key_text.encode()).hexdigest(),
        "policies": list(policies),
        "direct": direct,
        "clientThreshold": client_threshold,
        "feedback": feedback,
        "feedbackWeight": feedback_weight,
    }
    amounts = {row.name: limits[row.attribute] for row in DIMENSIONS}
    written = {name: amount for name, amount in amounts.items() if amount is not None}
    if written:
        entry["limits"] = written
    if expires is not None:
        entry["expires"] = _end(expires)
    _write(path, [*entries, entry])
    click.echo(key_text)


@key.command("list")
@FILE
@JSON
def list_(path: Path, *, as_json: bool) -> None:
    """List the keys by name, with what they may do."""
    entries = _read(path)
    table = Table(box=None, pad_edge=False)
    for column in ("name", "policies", "direct", "threshold", "feedback", "limits", "expires"):
        table.add_column(column)
    for entry in entries:
        table.add_row(
            entry["name"],
            ", ".join(entry.get("policies", ["*"])),
            _yes(entry.get("direct", True)),
            _yes(entry.get("clientThreshold", True)),
            f"{entry.get('feedbackWeight', 1):g}" if entry.get("feedback", True) else "no",
            ", ".join(f"{name} {limit}" for name, limit in entry.get("limits", {}).items())
            or "none",
            entry.get("expires") or "never",
        )
    show(table, {"keys": entries}, as_json=as_json)


@key.command()
@FILE
@click.argument("name")
def revoke(path: Path, name: str) -> None:
    """Take a key out of the file: running gateways refuse it within a second."""
    entries = _read(path)
    left = [entry for entry in entries if entry["name"] != name]
    if len(left) == len(entries):
        names = ", ".join(entry["name"] for entry in entries) or "none"
        raise Failure(f"There is no key named {name}.", hint=f"there are: {names}")
    _write(path, left)


def _read(path: Path) -> list[Entry]:
    try:
        text = path.read_bytes()
        parse(text)
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}") from error
    except KeysError as error:
        raise Failure(f"{path}: {error}") from error
    return cast("list[Entry]", json.loads(text)["keys"])


def _write(path: Path, entries: list[Entry]) -> None:
    text = json.dumps({"keys": entries}, indent=2).encode() + b"\n"
    parse(text)  # what gateways would refuse is never written
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise Failure(f"{path} can't be written: {error.strerror}") from error


def _end(expires: str) -> str:
    try:
        end = time.time() + duration(expires)
    except ValueError as error:
        raise click.BadParameter(f"write {error}", param_hint="--expires") from error
    return datetime.fromtimestamp(end, UTC).isoformat("T", "seconds")


def _yes(value: object) -> str:
    return "yes" if value else "no"
