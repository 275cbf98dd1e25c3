"""What a command prints: a table or picture for people, JSON when asked. Nothing else prints."""

import json
import sys

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


def console(*, error: bool = False) -> Console:
    """A console on standard output or error; plain and wide enough where it is no terminal."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=not stream.isatty())
