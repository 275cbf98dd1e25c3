"""A click group that imports a command's module only when that command is used."""

import importlib

import click

from weir_cli.commands import COMMANDS, Entry
from weir_cli.failure import Failure


class LazyGroup(click.Group):
    """The commands of commands.COMMANDS; `--help` shows them without importing one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table, which is the order in which people need them."""
        del ctx
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command; None for a name that is not in the table."""
        del ctx
        entry = next((entry for entry in COMMANDS if entry.name == cmd_name), None)
        return None if entry is None else load(entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's own one-liners; click would import every command for them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS])


def load(entry: Entry) -> click.Command:
    """Import one command. Raises Failure, naming the extra, when a library is not installed."""
    try:
        module = importlib.import_module(entry.module)
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name.startswith("weir_"):
            raise
        raise Failure(
            f"`weir {entry.name}` needs {name}, which is not installed.",
            hint=f"pip install 'weir-gateway[{entry.extra}]'",
        ) from missing
    command = getattr(module, entry.attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry.module}.{entry.attribute} is not a click command")
    return command
