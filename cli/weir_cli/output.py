"""What a command prints: a table or picture, or JSON on request; messages on standard error."""

import json
import sys

import click
from rich.console import Console, RenderableType

_PIPED_WIDTH = 120  # where there is no terminal to ask


def show(picture: RenderableType, data: object, *, as_json: bool) -> None:
    """Print `data` as JSON with `as_json`, else draw `picture`."""
    if as_json:
        print_json(data)
    else:
        console().print(picture)


def print_json(data: object) -> None:
    """Print one JSON document on standard output."""
    json.dump(data, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def say(line: str) -> None:
    """Print a message on standard error."""
    click.echo(f"weir: {line}", err=True)


def console(*, error: bool = False) -> Console:
    """A console on standard output or error; without a terminal, plain and 120 columns wide."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())
