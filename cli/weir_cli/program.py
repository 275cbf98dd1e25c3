"""The click program: its options, and how an exception becomes a message and an exit code."""

import importlib.metadata
from collections.abc import Sequence

import click

from weir_cli.commands import LazyGroup, is_ours, missing_library
from weir_cli.failure import Failure

_DISTRIBUTION = "weir-gateway"


def run(arguments: Sequence[str], *, debug: bool) -> int:
    """Run one command line; returns the exit code. With `debug`, bugs raise."""
    try:
        code: object = weir.main(args=list(arguments), prog_name="weir", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("weir: interrupted.", err=True)
        return 1
    except ModuleNotFoundError as missing:
        if is_ours(missing) or debug:
            raise
        missing_library("This command", missing).show()
        return 1
    except Exception as broken:
        if debug:
            raise
        Failure(
            f"{type(broken).__name__}: {_first_line(broken)}",
            hint="This is a bug in Weir. WEIR_DEBUG=1 shows the traceback.",
        ).show()
        return 1
    return code if isinstance(code, int) else 0


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "unknown (not installed)"


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it so
    if wanted and not context.resilient_parsing:
        click.echo(f"weir {_version()}")
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
def weir() -> None:
    """Send each chat request to the cheap model when it will do, else to the strong one."""
