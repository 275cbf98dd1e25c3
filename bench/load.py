"""The load generator: a closed loop over raw connections, cheap enough not to be the bottleneck.

`python -m bench.load` reads one JSON order a line on stdin and writes one JSON result a line.
"""

import asyncio
import json
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop

_TEXT = (
    "Explain in a few words why a weir holds the water of a river back, what happens to the level "
    "behind it after a night of heavy rain, and how a miller upstream would have made use of it."
)
_OK = bytearray(b"200")
_GRACE = 5.0  # seconds that open requests get to end after the time is up


@dataclass(frozen=True, slots=True)
class Order:
    """One cell of the bench."""

    port: int
    connections: int
    seconds: float
    model: str
    stream: bool = False
    prompts: int = 0  # distinct prompts, used in turn; 0: every prompt is new
    seed: int = 0  # so that a later order's new prompts are new too


@dataclass(slots=True)
class Result:
    """What came of it; times in milliseconds."""

    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    p50: float = 0.0
    p99: float = 0.0
    first_p50: float = 0.0  # to the first byte of the body
    first_error: str = ""


@dataclass(slots=True)
class Run:
    """The state that the connections of one order share."""

    order: Order
    ends: float
    sent: int = 0
    errors: int = 0
    first_error: str = ""
    firsts: list[float] = field(default_factory=list[float])
    lasts: list[float] = field(default_factory=list[float])

    def request(self) -> bytes:
        """The next request's bytes."""
        order = self.order
        number = self.sent % order.prompts if order.prompts else self.sent
        self.sent += 1
        prompt = f"{order.seed:x}.{number:x} {_TEXT}"
        stream = b',"stream":true' if order.stream else b""
        body = b'{"model":"%b"%b,"messages":[{"role":"user","content":"%b"}]}' % (
            order.model.encode(),
            stream,
            prompt.encode(),
        )
        return (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )


class Connection(asyncio.Protocol):
    """One caller: asks, waits for the whole answer, asks again, until the time is up."""

    def __init__(self, run: Run, done: "asyncio.Future[None]") -> None:
        self._run = run
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._sent = 0.0
        self._first = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, yet have all of it.
        self._transport = cast("asyncio.Transport", transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None  # noqa: S101 - connected before anything is asked
        self._buffer.clear()
        self._first = 0.0
        self._sent = time.perf_counter()
        if self._sent >= self._run.ends:
            self._transport.close()
            return
        self._transport.write(self._run.request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        now = time.perf_counter()
        if not self._first and len(self._buffer) > head + 4:
            self._first = now - self._sent
        if self._whole(head):
            self._account(now)
            self._ask()

    def _whole(self, head: int) -> bool:
        """Whether the answer is there to its last byte."""
        header = bytes(self._buffer[:head]).lower()
        at = header.find(b"content-length:")
        if at >= 0:
            length = int(header[at + 15 :].split(b"\r\n", 1)[0])
            return len(self._buffer) >= head + 4 + length
        return self._buffer.endswith(b"0\r\n\r\n")

    def _account(self, now: float) -> None:
        self._run.lasts.append(now - self._sent)
        self._run.firsts.append(self._first)
        if self._buffer[9:12] != _OK:
            self._run.errors += 1
            self._run.first_error = self._run.first_error or self._buffer[-300:].decode(
                "utf-8", "replace"
            )

    def connection_lost(self, exc: Exception | None) -> None:
        if time.perf_counter() < self._run.ends:
            self._run.errors += 1
            self._run.first_error = self._run.first_error or f"connection lost: {exc}"
        if not self._done.done():
            self._done.set_result(None)


async def drive(order: Order) -> Result:
    """Carry out one order."""
    loop = asyncio.get_running_loop()
    start = time.perf_counter()
    run = Run(order, start + order.seconds)
    done = [loop.create_future() for _ in range(order.connections)]
    for future in done:
        await loop.create_connection(
            lambda future=future: Connection(run, future), "127.0.0.1", order.port
        )
    await asyncio.wait(done, timeout=order.seconds + _GRACE)
    lasts, firsts = sorted(run.lasts), sorted(run.firsts)
    return Result(
        len(lasts),
        run.errors,
        time.perf_counter() - start,
        1e3 * _at(lasts, 0.5),
        1e3 * _at(lasts, 0.99),
        1e3 * _at(firsts, 0.5),
        run.first_error,
    )


def _at(ordered: list[float], quantile: float) -> float:
    return ordered[min(int(len(ordered) * quantile), len(ordered) - 1)] if ordered else 0.0


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(asdict(uvloop.run(drive(Order(**json.loads(line)))))), flush=True)
