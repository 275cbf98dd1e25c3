"""Serving an aiohttp application from a command until it is told to stop."""

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from weir_runtime.loop import run

_DRAIN = 10.0  # seconds that open requests get to end after SIGTERM


def serve(app: web.Application, listening: socket.socket, ready: Callable[[], None]) -> int:
    """Serve `app` until SIGTERM or SIGINT; `ready` is called once it accepts connections."""

    async def main(stop: asyncio.Event) -> int:
        # A client that goes away cancels its handler, so that the books can say so.
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
