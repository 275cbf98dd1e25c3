"""The commands of `weir` as data, so that listing them imports none of them."""

import difflib
import importlib
import keyword
import sys
from dataclasses import dataclass

import click

from weir_cli.failure import Failure


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """One command: where it lives and what must be installed for it."""

    name: str
    module: str
    help: str
    extra: str  # the extra of `weir-gateway` that brings everything the module imports

    @property
    def attribute(self) -> str:
        """The click command's name in its module: `a_b` for the command `a-b`."""
        name = self.name.replace("-", "_")
        return f"{name}_" if keyword.iskeyword(name) else name


COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry("up", "weir_cli.up", "Run scorer and gateway here from policy files.", "all"),
    CommandEntry(
        "extproc", "weir_cli.extproc", "Decide for an Envoy that forwards requests itself.", "all"
    ),
    CommandEntry(
        "explain",
        "weir_cli.explain.command",
        "Show how a prompt would be routed; send nothing.",
        "all",
    ),
    CommandEntry("key", "weir_cli.key", "Make, list and revoke client keys.", "all"),
    CommandEntry("ledger", "weir_cli.ledger.command", "Show what was spent and saved.", "all"),
    CommandEntry(
        "experiment",
        "weir_cli.experiment.command",
        "Compare variants, or what a shadow saves.",
        "all",
    ),
    CommandEntry("score", "weir_cli.score", "Score prompts from JSONL, offline.", "scorer"),
    CommandEntry("policy", "weir_cli.policy", "Check policy files, or compile them.", "operator"),
    CommandEntry("catalog", "weir_cli.catalog.command", "Show what models cost.", "operator"),
    CommandEntry(
        "import",
        "weir_cli.importing.command",
        "Write policies from LiteLLM's or RouteLLM's configuration.",
        "operator",
    ),
    CommandEntry(
        "train", "weir_cli.train.command", "Adapt a router to labels of your traffic.", "all"
    ),
    CommandEntry("eval", "weir_cli.eval.command", "Measure routers on recorded outcomes.", "all"),
    CommandEntry(
        "calibrate", "weir_cli.calibrate.command", "Find a threshold that keeps a promise.", "all"
    ),
    CommandEntry(
        "profile", "weir_cli.profile.command", "Add a model's quality profile from probes.", "all"
    ),
    CommandEntry(
        "replay",
        "weir_cli.replay.command",
        "Settle a policy's choices on recorded prompts.",
        "all",
    ),
    CommandEntry("bundle", "weir_cli.bundle", "Build, show or verify a bundle.", "bundle"),
    CommandEntry(
        "stand-in",
        "weir_cli.mock_provider.command",
        "Serve deterministic answers in place of models.",
        "cli",
    ),
    CommandEntry(
        "demo",
        "weir_cli.demo.command",
        "Start everything, send a few prompts, show the decisions.",
        "all",
    ),
)


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown name gets the nearest command as a suggestion."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            names = [entry.name for entry in COMMANDS]
            nearest = difflib.get_close_matches(args[0], names, n=1)
            if not nearest or "did you mean" in error.message.lower():
                raise
            message = f"{error.message.rstrip('.')}; did you mean {nearest[0]}?"
            raise click.UsageError(message, ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's own one-liners; click would import every command for them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS])


def is_ours(missing: ModuleNotFoundError) -> bool:
    """Whether the missing module is one of Weir's: a bug, and not a library to install."""
    return (missing.name or "").startswith("weir_")


def missing_library(user: str, missing: ModuleNotFoundError, extra: str = "all") -> Failure:
    """The error for a library that is not installed, with the command that installs it."""
    library = (missing.name or "").partition(".")[0]
    return Failure(
        f"{user} needs {library}, which is not installed.",
        hint=f"{sys.executable} -m pip install 'weir-gateway[{extra}]'"
        f"  (in a checkout of Weir: '.[{extra}]')",
    )


def load(entry: CommandEntry) -> click.Command:
    """Import one command. Raises Failure, naming the extra, when a library is not installed."""
    try:
        module = importlib.import_module(entry.module)
    except ModuleNotFoundError as missing:
        if is_ours(missing):
            raise
        raise missing_library(f"`weir {entry.name}`", missing, entry.extra) from missing
    command = getattr(module, entry.attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry.module}.{entry.attribute} is not a click command")
    return command
