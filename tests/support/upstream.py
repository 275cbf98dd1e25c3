"""A server that plays the LLM over real sockets and may break HTTP in any way a test asks for.

Raw asyncio rather than an HTTP library: truncation, resets and garbage have to be exact.
"""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

END = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Received:
    """One request exactly as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass
class Exchange:
    """One request and the means to answer it."""

    received: Received
    writer: asyncio.StreamWriter
    gone: asyncio.Event  # set once the caller has hung up

    async def send(self, data: bytes) -> None:
        """Raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, status: int = 200, *headers: str) -> None:
        """A whole answer; JSON unless a header says otherwise."""
        kind = () if any(h.lower().startswith("content-type") for h in headers) else (JSON,)
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *kind, *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def begin(self, kind: str = "text/event-stream") -> None:
        """The head of a chunked answer."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        await self.send(head.encode())

    async def chunk(self, data: bytes) -> None:
        """One chunk of it."""
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end(self) -> None:
        """Its orderly end."""
        await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        """Drop the connection with RST."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    def close(self) -> None:
        """Drop the connection with FIN, wherever the answer stands."""
        self.writer.close()


JSON = "Content-Type: application/json"
Behaviour = Callable[[Exchange], Awaitable[None]]


def completion(text: str = "fine", prompt: int = 7, output: int = 3) -> bytes:
    """A chat completion's JSON, with odd white space that must survive."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": prompt, "completion_tokens": output}
    body = {"id": "c1", "x-unknown": 1.50, "choices": [choice], "usage": usage}
    return json.dumps(body, indent=1).encode() + b"\n"


def event(text: str) -> bytes:
    """One event of a streamed completion."""
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: " + json.dumps(delta).encode() + b"\n\n"


USAGE_EVENT = (
    b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":5,'
    b'"prompt_tokens_details":{"cached_tokens":4}}}\n\n'
)


def answering(body: bytes, status: int = 200, *headers: str) -> Behaviour:
    """Always the same whole answer."""

    async def behave(exchange: Exchange) -> None:
        await exchange.answer(body, status, *headers)

    return behave


def streaming(pieces: Sequence[bytes]) -> Behaviour:
    """A stream of these pieces and an orderly end."""

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        for piece in pieces:
            await exchange.chunk(piece)
        await exchange.end()

    return behave


def stalling(pieces: Sequence[bytes]) -> Behaviour:
    """A stream that stops after these pieces and holds the line until the caller hangs up."""

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        for piece in pieces:
            await exchange.chunk(piece)
        await exchange.gone.wait()

    return behave


async def never(exchange: Exchange) -> None:
    """Says nothing until the caller hangs up."""
    await exchange.gone.wait()


async def resetting(exchange: Exchange) -> None:
    """Reads the request and resets."""
    exchange.reset()


@dataclass
class Upstream:
    """The running server."""

    behaviour: Behaviour
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list[Received])
    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    nodelay: list[bool] = field(default_factory=list[bool])

    @property
    def url(self) -> str:
        """What a backend's endpoint says."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{self.host}:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive from request to request."""
        begun = b""
        try:
            while (received := await _read(reader, begun)) is not None:
                begun = await self._one(received, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Answer one request; returns the first byte of the next where that has come already."""
        exchange = Exchange(received, writer, asyncio.Event())
        self.received.append(received)
        self.exchanges.append(exchange)
        self.arrived.set()
        answering_ = asyncio.create_task(_run(self.behaviour, exchange), name="upstream-answers")
        # While it waits for its answer the caller sends nothing: what comes is its hanging up.
        watching = asyncio.create_task(reader.read(1), name="upstream-watches")
        try:
            await asyncio.wait({answering_, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not answering_.done():
                exchange.gone.set()
            await answering_
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        if writer.is_closing() or exchange.gone.is_set():
            raise ConnectionResetError
        return b"" if watching.cancelled() else watching.result()


async def _run(behaviour: Behaviour, exchange: Exchange) -> None:
    with contextlib.suppress(ConnectionError):
        await behaviour(exchange)


async def _read(reader: asyncio.StreamReader, begun: bytes) -> Received | None:
    try:
        head = begun + await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = await _chunked(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(first.split(" ")[1], headers, body)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":  # trailers
        pass
    return b"".join(chunks)


@contextlib.asynccontextmanager
async def running_upstream(
    behaviour: Behaviour, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Upstream]:
    """Serve on a port of the system's choice until the block is left."""
    upstream = Upstream(behaviour, host, tls=tls)
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with contextlib.suppress(asyncio.CancelledError):  # the end of the block
            await upstream.serve(reader, writer)
        connections.discard(task)

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()
