"""`weir up`: scorer and gateway in one command, without a cluster."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import click

from weir_cli.addresses import ANY_LOOPBACK_PORT, HostPort, free_address, url
from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.local import runner
from weir_cli.local.mock_provider import mock_provider
from weir_cli.local.runner import Hooks, Options
from weir_cli.options import BATCHES, FILES, LEDGER, SPEND
from weir_cli.output import say
from weir_cli.policy_files import Policies, compile_policies, loopback_endpoints, with_endpoints_at
from weir_runtime.loop import run
from weir_runtime.quantities import Address

_CONNECT = 2.0  # seconds


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
    help="Probes and metrics: this port and the next ones, one per worker, the scorer's last.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Gateway processes that share the port.",
)
@click.option(
    "--stand-in",
    "mock",
    is_flag=True,
    help="Answer for every backend with `weir stand-in`, started here: nothing is paid for.",
)
@LEDGER
@BATCHES
@SPEND
def up(  # noqa: PLR0913 - one parameter per option
    paths: tuple[Path, ...],
    bundle: Path | None,
    *,
    listen: Address,
    admin: Address,
    workers: int,
    mock: bool,
    ledger: Path,
    batches: Path,
    spend: Path,
) -> None:
    """Run scorer and gateway here, from policy files.

    Prints `ready http://HOST:PORT` on standard output when it serves. Changed files take effect
    without dropping a request; a file with mistakes changes nothing. SIGTERM or Ctrl-C lets open
    requests end. Every request has a row in the ledger: see `weir ledger`.
    """
    environment = {
        "WEIR_LEDGER": str(ledger.absolute()),
        "WEIR_BATCHES": str(batches.absolute()),
        "WEIR_SPEND": str(spend.absolute()),
    }
    folder = require_bundle(bundle).resolve()
    options = Options(paths, folder, listen, admin, workers, environment)
    provider = free_address(ANY_LOOPBACK_PORT) if mock else None
    run(lambda stop: _run(options, provider, stop))


async def _run(options: Options, provider: Address | None, stop: asyncio.Event) -> int:
    def compile_() -> Policies:
        policies = compile_policies(options.paths, options.bundle)
        return policies if provider is None else with_endpoints_at(policies, url(provider))

    async def ready(served: str) -> None:
        policies = await asyncio.to_thread(compile_)
        for warning in policies.warnings:
            say(f"warning: {warning}")
        if provider is None:
            await _warn_of_silent_backends(policies)
        else:
            say(f"every backend is `weir stand-in` at {url(provider)}, which is no model")
        click.echo(f"ready {served}")

    async with AsyncExitStack() as stack:
        if provider is not None:
            await stack.enter_async_context(mock_provider(provider, (), say))
        return await runner.run(options, Hooks(compile_, ready, say), stop)


async def _warn_of_silent_backends(policies: Policies) -> None:
    """Say which backends on this machine refuse connections, and what would serve them."""
    for address, names in loopback_endpoints(policies).items():
        if not await _accepts(address):
            say(
                f"nothing listens on {address}, where {' and '.join(names)} should be served: "
                f"requests to them fail until something does. Start your model server there, or "
                f"`weir stand-in --listen {address}`, or run `weir up --stand-in`"
            )


async def _accepts(address: Address) -> bool:
    try:
        async with asyncio.timeout(_CONNECT):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
