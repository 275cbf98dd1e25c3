"""Every `weir` command that the documentation shows exists, with the options it is shown with."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from weir_cli.program import weir

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = re.compile(r"(?:^ {4,}(?:\$ )?(?:[A-Z_]+=\S+ )*|`|&& )(weir [a-z][^`#\n]*)", re.MULTILINE)
OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")


def shown(page: Path) -> Iterator[str]:
    """Command lines in code blocks and code spans, continued lines joined."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in SHOWN.findall(text):
        yield from (part.strip() for part in line.split("&&"))


def options(line: str) -> tuple[set[str], set[str]]:
    """The options of a command line, and those that the command has."""
    words = line.split()[1:]
    command: click.Command = weir
    context = click.Context(weir)
    while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z-]+", words[0]):
        subcommand = command.get_command(context, words.pop(0))
        assert subcommand is not None, line
        command = subcommand
    have = {name for option in command.params for name in option.opts}
    return set(OPTION.findall(line)), have | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    for line in shown(page):
        used, have = options(line)
        assert used <= have, line


def test_commands_are_found_in_blocks_and_spans() -> None:
    assert len(list(shown(ROOT / "docs" / "training.md"))) > 5
