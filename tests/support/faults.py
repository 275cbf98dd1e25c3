"""Everything a provider may do wrong, by name, for a whole answer and for a stream."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from support.certificates import authority, server_context
from support.provider_faults import PROVIDER_FAULTS, ProviderFault
from support.upstream import (
    END,
    Behaviour,
    Exchange,
    answering,
    never,
    resetting,
    running_upstream,
    streaming,
)

TEXT = "ab"  # of a good answer, and of a stream's pieces together


def _chunk(text: str | None) -> bytes:
    """One event as providers write them; None: the last one."""
    choice = {
        "index": 0,
        "delta": {} if text is None else {"content": text},
        "finish_reason": "stop" if text is None else None,
    }
    chunk = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "m",
        "choices": [choice],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


PIECES = (_chunk("a"), _chunk("b"), _chunk(None), END)
ANSWER = json.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }
).encode()
STORM = b'{"error":{"message":"slow down","type":"x","code":"rate_limit_exceeded"}}'
BURST = b'{"error":{"message":"oh","type":"x","code":"server_error"}}'
OK = 200
SEEN = 0.15  # seconds in which a first chunk is surely read; below any timeout
DRIP = 0.05  # seconds between two drops; below any timeout but the total one


@dataclass(frozen=True)
class Fault:
    """One way to fail. `late` is after a stream's first byte, when nothing can be mended."""

    name: str
    whole: Behaviour | None = None  # None: nobody listens, or nobody can be found
    stream: Behaviour | None = None
    late: bool = False
    tls: bool = False  # behind a certificate that nobody trusts
    address: str = ""  # where nobody listens
    falls_back: bool = True  # where there is another model
    protocol: str = "openai"  # of the backend that is called


def good(*, stream: bool) -> Behaviour:
    """A provider without a fault."""
    return streaming(PIECES) if stream else answering(ANSWER)


async def _half(exchange: Exchange) -> None:
    """The beginning of a whole answer that promises more."""
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    await exchange.send(b"Content-Length: 1000\r\n\r\n{")


async def _half_stream(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.chunk(PIECES[0])


async def _stall_whole(exchange: Exchange) -> None:
    await _half(exchange)
    await exchange.gone.wait()


async def _stall_stream(exchange: Exchange) -> None:
    await _half_stream(exchange)
    await exchange.gone.wait()


async def _truncate_whole(exchange: Exchange) -> None:
    await _half(exchange)
    exchange.close()


async def _truncate_stream(exchange: Exchange) -> None:
    await _half_stream(exchange)
    await asyncio.sleep(SEEN)  # the provider's time: what comes with its end is never read
    exchange.close()


async def _garbage(exchange: Exchange) -> None:
    await exchange.send(b"\x00\x01\x02 what\r\n\r\n")
    exchange.close()


async def _drip_whole(exchange: Exchange) -> None:
    await _half(exchange)
    while not exchange.gone.is_set():
        await exchange.send(b" ")
        await _pause(exchange)


async def _drip_stream(exchange: Exchange) -> None:
    await _half_stream(exchange)
    while not exchange.gone.is_set():
        await exchange.chunk(b": still here\n\n")
        await _pause(exchange)


async def _pause(exchange: Exchange) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(exchange.gone.wait(), DRIP)


def _once(bad: Behaviour, *, stream: bool) -> Behaviour:
    """Fails every other call."""
    calls = list[int]()

    async def behave(exchange: Exchange) -> None:
        calls.append(0)
        await (bad if len(calls) % 2 else good(stream=stream))(exchange)

    return behave


def faults() -> tuple[Fault, ...]:
    """All of them; made anew, for some remember."""
    storm = answering(STORM, 429)
    burst = answering(BURST, 500)
    return (
        Fault("refuse", address="http://127.0.0.1:1/v1"),
        Fault("reset", resetting, resetting),
        Fault("stall before the head", never, never),
        Fault("stall in the body", _stall_whole, _stall_stream, late=True),
        Fault("truncate", _truncate_whole, _truncate_stream, late=True),
        Fault("garbage", _garbage, _garbage),
        Fault("slow drip", _drip_whole, _drip_stream, late=True),
        Fault("429 storm", storm, storm),
        Fault("500, every other call", _once(burst, stream=False), _once(burst, stream=True)),
        Fault("500, every call", burst, burst),
        Fault("certificate error", never, never, tls=True),
        Fault("DNS failure", address="http://nobody.invalid:9/v1"),
        *map(_worded, PROVIDER_FAULTS),
    )


def _worded(fault: ProviderFault) -> Fault:
    """A provider's own words; with status 200 they come as the first event of a stream."""
    whole = answering(fault.body, fault.status, *fault.headers)
    stream = streaming([b"data: " + fault.body + b"\n\n", END]) if fault.status == OK else whole
    return Fault(fault.name, whole, stream, falls_back=fault.falls_back, protocol=fault.protocol)


@contextlib.asynccontextmanager
async def failing(fault: Fault, folder: Path, *, stream: bool) -> AsyncGenerator[str]:
    """The URL of a provider with this fault."""
    behaviour = fault.stream if stream else fault.whole
    if behaviour is None:
        yield fault.address
        return
    context = None
    if fault.tls:
        ours = await authority(folder)
        context = server_context(await ours.sign("server"))
    async with running_upstream(behaviour, tls=context) as upstream:
        yield upstream.url
