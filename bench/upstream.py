"""A chat model without delay: canned bytes over a raw protocol, never what is measured.

`python -m bench.upstream PORT`. Knows only how long a request is and whether it asks for a stream.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from typing import cast

import uvloop

_WORDS = 16  # chunks of a stream, each written on its own
_TEXT = "a weir holds water back and lets it over only above a level, and so on and on. "
_USAGE = {"prompt_tokens": 50, "completion_tokens": 40, "total_tokens": 90}


def _json() -> bytes:
    message = {"role": "assistant", "content": _TEXT * 2}
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "mock",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": _USAGE,
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _stream() -> list[bytes]:
    events = [_event({"role": "assistant", "content": ""}, None)]
    events += [_event({"content": "water "}, None) for _ in range(_WORDS)]
    events += [_event({}, "stop"), b"data: [DONE]\n\n"]
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    return [head + chunks[0], *chunks[1:], b"0\r\n\r\n"]


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk: dict[str, object] = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "mock",
        "choices": [choice],
    }
    if finish:
        chunk["usage"] = _USAGE
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


JSON = _json()
STREAM = _stream()


class Upstream(asyncio.Protocol):
    """One connection: answers each request as soon as its last byte is there."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, yet have all of it.
        self._transport = cast("asyncio.Transport", transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (request := self._request()) is not None:
            if b'"stream":true' in request or b'"stream": true' in request:
                self._stream(iter(STREAM))
            elif self._transport is not None:
                self._transport.write(JSON)

    def _request(self) -> bytes | None:
        """Cut one whole request off the buffer."""
        head, end, _ = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        size = len(head) + 4 + length
        if len(self._buffer) < size:
            return None
        request, self._buffer = self._buffer[:size], self._buffer[size:]
        return request

    def _stream(self, chunks: Iterator[bytes]) -> None:
        """Write one chunk a loop turn: each reaches the reader on its own."""
        if self._transport is None or self._transport.is_closing():
            return
        chunk = next(chunks, None)
        if chunk is not None:
            self._transport.write(chunk)
            asyncio.get_running_loop().call_soon(self._stream, chunks)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(
        Upstream, "127.0.0.1", port, backlog=1024
    )
    print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
