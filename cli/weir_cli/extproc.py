"""`weir extproc`: scorer and gateway in one command, for an Envoy that forwards requests itself."""

import asyncio
from pathlib import Path

import click

from weir_cli.addresses import HostPort, free_address
from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.local import runner
from weir_cli.local.runner import Hooks, Options
from weir_cli.options import FILES, LEDGER, SPEND
from weir_cli.output import say
from weir_cli.policy_files import Policies, compile_policies
from weir_runtime.loop import run
from weir_runtime.quantities import Address


@click.command()
@FILES
@BUNDLE
@click.option(
    "--listen",
    type=HostPort(),
    default="127.0.0.1:9002",
    show_default=True,
    help="Where Envoy asks (ext_proc, gRPC); port 0 takes a free one.",
)
@click.option(
    "--http",
    type=HostPort(),
    default="127.0.0.1:0",
    show_default=True,
    help="Where clients that don't come through Envoy are served; port 0 takes a free one.",
)
@click.option(
    "--admin",
    type=HostPort(),
    default="127.0.0.1:9090",
    show_default=True,
    help="Probes and metrics: this port, and the next one for the scorer.",
)
@LEDGER
@SPEND
def extproc(
    paths: tuple[Path, ...],
    bundle: Path | None,
    *,
    listen: Address,
    http: Address,
    admin: Address,
    ledger: Path,
    spend: Path,
) -> None:
    """Decide for an Envoy that forwards requests itself, from policy files.

    Prints `ready HOST:PORT` on standard output when it serves Envoy. Changed files take effect
    without dropping a request. Every request has a row in the ledger: see `weir ledger`.
    """
    at = free_address(listen)
    environment = {
        "WEIR_EXTPROC": str(at),
        "WEIR_LEDGER": str(ledger.absolute()),
        "WEIR_SPEND": str(spend.absolute()),
    }
    folder = require_bundle(bundle).resolve()
    # One process: Envoy holds one connection for each of its threads, so workers would share badly.
    options = Options(paths, folder, http, admin, 1, environment)
    run(lambda stop: _run(options, at, stop))


async def _run(options: Options, at: Address, stop: asyncio.Event) -> int:
    def compile_() -> Policies:
        return compile_policies(options.paths, options.bundle)

    async def ready(served: str) -> None:
        policies = await asyncio.to_thread(compile_)
        for warning in policies.warnings:
            say(f"warning: {warning}")
        say(f"clients without Envoy: {served}")
        click.echo(f"ready {at}")

    return await runner.run(options, Hooks(compile_, ready, say), stop)
