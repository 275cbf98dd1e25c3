"""`weir stand-in`: deterministic answers in place of models, for demos and tests."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
from aiohttp import web

from weir_cli.addresses import HostPort, bound_address, url
from weir_cli.addresses import listen as listening_socket
from weir_cli.mock_provider.config import (
    BadOption,
    BadScript,
    Delay,
    Fault,
    Script,
    delay,
    fault,
    read_script,
)
from weir_cli.mock_provider.server import MockConfig, MockProvider
from weir_runtime.loop import run
from weir_runtime.quantities import Address


@click.command()
@click.option(
    "--listen",
    type=HostPort(),
    default="127.0.0.1:8090",
    show_default=True,
    help="Where to serve; port 0 takes a free one.",
)
@click.option("--models", default="", metavar="A,B", help="Know only these names. Default: any.")
@click.option(
    "--delay",
    "delays",
    default="",
    metavar="ORDER",
    help="first=200ms,chunk=20ms,batch=5s: before the first byte, between a stream's chunks, for a "
    "batch.",
)
@click.option(
    "--fail",
    "faults",
    multiple=True,
    metavar="ORDER",
    help="status=500,rate=0.1,model=A or kind=close|break|hang|html|lost,rate=…; may be repeated.",
)
@click.option(
    "--script",
    "script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Answers written down beforehand: {"model", "prompt", "answer"} a line.',
)
def stand_in(
    listen: Address, models: str, delays: str, faults: tuple[str, ...], script: Path | None
) -> None:
    """Serve an OpenAI- and Anthropic-shaped API that is no model at all.

    Every answer is a function of the prompt's hash, says which model was asked for and that it is a
    stand-in. GET /stand-in/stats tells what was asked and how many tokens were counted, by model.
    """
    orders = replace(_orders(models, delays, faults), script=_script(script))
    listening = listening_socket(listen)
    at = url(bound_address(listening))

    def ready() -> None:
        click.echo(f"ready {at}")
        click.echo(f"This is a stand-in, not a model. Its counters: {at}/stand-in/stats", err=True)

    serve(MockProvider(orders).app(), listening, ready)


def _orders(models: str, delays: str, faults: tuple[str, ...]) -> MockConfig:
    names = tuple(name.strip() for name in models.split(",") if name.strip())
    return MockConfig(names, _delay(delays), tuple(_fault(order) for order in faults))


def _script(path: Path | None) -> Script:
    try:
        return read_script(path) if path is not None else {}
    except BadScript as wrong:
        raise click.BadParameter(str(wrong), param_hint="--script") from wrong


def _delay(order: str) -> Delay:
    try:
        return delay(order) if order else Delay()
    except BadOption as wrong:
        raise click.BadParameter(str(wrong), param_hint="--delay") from wrong


def _fault(order: str) -> Fault:
    try:
        return fault(order)
    except BadOption as wrong:
        raise click.BadParameter(str(wrong), param_hint="--fail") from wrong


_DRAIN = 10.0  # seconds that open requests get to end after SIGTERM


def serve(app: web.Application, listening: socket.socket, ready: Callable[[], None]) -> int:
    """Serve `app` until SIGTERM or SIGINT; `ready` is called once it accepts connections."""

    async def main(stop: asyncio.Event) -> int:
        # A client that goes away cancels its handler, so that the counters include it.
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_DRAIN
        )
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            ready()
            await stop.wait()
        finally:
            await runner.cleanup()
        return 0

    return run(main)
