"""Serving an aiohttp application from a command until it is told to stop."""

import asyncio
import signal
import socket
from collections.abc import Callable

from aiohttp import web

_DRAIN = 10.0  # seconds that open requests get to end after SIGTERM


def serve(app: web.Application, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve `app` until SIGTERM or SIGINT; `ready` is called once it accepts connections."""
    asyncio.run(_serve(app, listening, ready))


async def _serve(app: web.Application, listening: socket.socket, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # A client that goes away cancels its handler, so that the books can say so.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_DRAIN)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        ready()
        await stop.wait()
    finally:
        await runner.cleanup()
