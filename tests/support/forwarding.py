"""One port before several: a connection goes to the first of them that takes it, as a Service's."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Sequence


@contextlib.asynccontextmanager
async def forwarding(*ports: int, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Forward from a port, which is given, to the first of these loopback ports that answers.

    With `tls` it is spoken to encrypted, and speaks plainly to them.
    """
    connections: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError):  # the end of the block
                await _forward(reader, writer, ports)
        finally:
            writer.close()
            connections.discard(task)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await asyncio.sleep(0)  # a connection that was just accepted begins, and is ended below
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ports: Sequence[int]
) -> None:
    for port in ports:
        with contextlib.suppress(OSError):
            there = await asyncio.open_connection("127.0.0.1", port)
            break
    else:
        return
    pumps = [
        asyncio.create_task(_pump(source, sink), name=f"forward-{port}")
        for source, sink in ((reader, there[1]), (there[0], writer))
    ]
    try:
        await asyncio.wait(pumps)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
    finally:
        sink.close()
