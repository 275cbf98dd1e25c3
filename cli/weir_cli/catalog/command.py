"""`weir catalog list|show|update`: what models cost, by provider and model. Never uses the net."""

import os
from pathlib import Path
from typing import Any, Final, cast

import click
from rich.table import Table
from rich.text import Text

from weir_cli.catalogs import current_catalog, user_catalog_path
from weir_cli.failure import Failure
from weir_cli.options import JSON
from weir_cli.output import show
from weir_operator.files.catalog import catalog_file
from weir_operator.local import oldest_price
from weir_policy.catalog.catalog import EMPTY, Catalog, CatalogError
from weir_policy.fields.mistakes import nearest

_MICRO: Final = 10**6  # of a price, in a USD per million tokens
_COLUMNS: Final = ("model", "input", "cached", "output", "window", "price read on")


@click.group()
def catalog() -> None:
    """Show what models cost, and bring prices up to date from a file."""


@catalog.command(name="list")
@click.argument("words", nargs=-1)
@JSON
def list_command(words: tuple[str, ...], *, as_json: bool) -> None:
    """List models, or those whose names contain every one of WORDS. USD per million tokens."""
    known = current_catalog()
    names = [name for name in sorted(known.models) if all(word in name for word in words)]
    show(_picture(known, names), [known.written[name] for name in names], as_json=as_json)


@catalog.command(name="show")
@click.argument("name")
@JSON
def show_command(name: str, *, as_json: bool) -> None:
    """Show one model with all its prices, when they were read and where."""
    known = current_catalog()
    if name not in known.models:
        hint = nearest(name, known.models) or "see `weir catalog list`"
        raise Failure(f"The catalog has no model {name}.", hint=hint)
    written = cast("dict[str, Any]", known.written[name])
    show(_details(written), written, as_json=as_json)


@catalog.command()
@click.option(
    "--from",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="A catalog's JSON file, as docs/catalog.md describes it.",
)
@JSON
def update(path: Path, *, as_json: bool) -> None:
    """Take the models of a file into your own catalog, which comes before the package's.

    Nothing is written if the file has a mistake.
    """
    target = user_catalog_path(os.environ)
    try:
        new = catalog_file(path)
        own = catalog_file(target) if target.exists() else EMPTY
    except CatalogError as error:
        raise Failure(str(error)) from error
    before = current_catalog()
    changed = [n for n in sorted(new.models) if before.written.get(n) != new.written[n]]
    _write(target, own.merged(new))
    counts = {"file": str(target), "models": len(new.models), "changed": changed}
    line = f"{len(new.models)} models read, {len(changed)} new or changed; kept in {target}"
    show(Text(line), counts, as_json=as_json)


def _write(target: Path, merged: Catalog) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(merged.to_json())
        part.replace(target)
    except OSError as error:
        raise Failure(f"{target} can't be written: {error.strerror}") from error


def _picture(known: Catalog, names: list[str]) -> Table:
    table = Table(*_COLUMNS, box=None)
    oldest = oldest_price()
    for name in names:
        model = known.models[name]
        price = model.price
        window = f"{model.context_window:,}" if model.context_window else ""
        read = f"{model.checked} (old)" if model.checked < oldest else model.checked
        rates = map(_usd, (price.input, price.cached_input, price.output))
        table.add_row(name, *rates, window, read)
    return table


def _usd(micro: int | None) -> str:
    return "" if micro is None else f"{micro / _MICRO:g}"


def _details(written: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False)
    for name, value in _flat(written, ""):
        table.add_row(name, value)
    return table


def _flat(value: object, at: str) -> list[tuple[str, str]]:
    """Every value by its path."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return [row for name, inner in fields.items() for row in _flat(inner, _path(at, name))]
    if not isinstance(value, list):
        return [(at, str(value))]
    items = cast("list[object]", value)
    if any(isinstance(item, dict) for item in items):
        return [row for n, item in enumerate(items) for row in _flat(item, f"{at}[{n}]")]
    return [(at, ", ".join(map(str, items)))]


def _path(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
