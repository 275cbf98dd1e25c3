"""`weir up`: scorer and gateway in one command, with no cluster."""

import asyncio
from pathlib import Path

import click

from weir_cli.addresses import HostPort
from weir_cli.local import runner
from weir_cli.local.runner import Hooks, Options, Policies
from weir_cli.options import BATCHES, BUNDLE, FILES, LEDGER, SPEND, existing_bundle
from weir_cli.policy_files import compile_files, credentials_json
from weir_runtime.loop import run
from weir_runtime.quantities import Address


@click.command()
@FILES
@BUNDLE
@click.option(
    "--listen",
    type=HostPort(),
    default="127.0.0.1:8080",
    show_default=True,
    help="Where to serve; port 0 takes a free one.",
)
@click.option(
    "--admin",
    type=HostPort(),
    default="127.0.0.1:9090",
    show_default=True,
    help="Probes and metrics: this port and the next ones, one a worker, the scorer's last.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Gateway processes that share the port.",
)
@LEDGER
@BATCHES
@SPEND
def up(  # noqa: PLR0913 - one parameter an option
    paths: tuple[Path, ...],
    bundle: Path,
    *,
    listen: Address,
    admin: Address,
    workers: int,
    ledger: Path,
    batches: Path,
    spend: Path,
) -> None:
    """Run scorer and gateway here, from policy files.

    Prints `ready http://HOST:PORT` on standard output when it serves. Changed files come into
    force without dropping a request; with mistakes in them the last good ones stay. SIGTERM or
    Ctrl-C lets open requests end. Every request is kept in the ledger: see `weir ledger`.
    """
    environment = {
        "WEIR_LEDGER": str(ledger.absolute()),
        "WEIR_BATCHES": str(batches.absolute()),
        "WEIR_SPEND": str(spend.absolute()),
    }
    options = Options(paths, existing_bundle(bundle).resolve(), listen, admin, workers, environment)
    hooks = Hooks(lambda: compile_policies(paths, bundle), _ready, say)

    async def main(stop: asyncio.Event) -> int:
        return await runner.run(options, hooks, stop)

    run(main)


def compile_policies(paths: tuple[Path, ...], bundle: Path) -> Policies:
    """What a local Weir runs. Raises Failure with every mistake."""
    done = compile_files(paths, bundle)
    return Policies(done.table_json, credentials_json(done))


def say(line: str) -> None:
    """Tell a person something, on standard error."""
    click.echo(f"weir: {line}", err=True)


async def _ready(url: str) -> None:
    click.echo(f"ready {url}")
