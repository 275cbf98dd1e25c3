"""One port before several: a connection goes to the first of them that takes it, as a Service's."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator


@contextlib.asynccontextmanager
async def forwarding(*ports: int, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Forward from a port, which is given, to the first of these loopback ports that answers.

    With `tls` it is spoken to encrypted, and speaks plainly to them.
    """
    pumps: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for port in ports:
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", port)
                break
        else:
            writer.close()
            return
        for source, sink in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(_pump(source, sink), name=f"forward-{port}")
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tuple(pumps):
            task.cancel()
        if pumps:
            await asyncio.wait(tuple(pumps))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    sink.close()
