"""A model that streams a given number of events, in chat's wire or Anthropic's by the path asked.

`python -m bench.stream_upstream EVENTS [SECONDS_BETWEEN]`. Events are written one a loop turn, or
one every so many seconds. Canned bytes over a raw protocol.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from typing import cast

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chat(events: int) -> list[bytes]:
    plain: dict[str, object] = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "mock",
    }
    nothing = dict[str, str]()
    deltas = [{"role": "assistant", "content": ""}, *[{"content": "water "}] * events]
    told: list[dict[str, object]] = [
        *({**plain, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas),
        {**plain, "choices": [{"index": 0, "delta": nothing, "finish_reason": "stop"}]},
        {**plain, "choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": events}},
    ]
    return [*(b"data: %b\n\n" % json.dumps(t).encode() for t in told), b"data: [DONE]\n\n"]


def _messages(events: int) -> list[bytes]:
    usage = {"input_tokens": 50, "output_tokens": 1}
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "mock", "usage": usage}
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "water "},
    }
    block = {"type": "text", "text": ""}
    told: list[dict[str, object]] = [
        {"type": "message_start", "message": {**message, "content": list[str]()}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *[cast("dict[str, object]", delta)] * events,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": events},
        },
        {"type": "message_stop"},
    ]
    return [b"event: %b\ndata: %b\n\n" % (str(t["type"]).encode(), _json(t)) for t in told]


def _json(told: object) -> bytes:
    return json.dumps(told).encode()


def _chunked(events: list[bytes]) -> list[bytes]:
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    return [_HEAD + chunks[0], *chunks[1:], b"0\r\n\r\n"]


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self, chat: list[bytes], messages: list[bytes], between: float) -> None:
        self._streams = {False: chat, True: messages}
        self._between = between
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of it, yet have all of it.
        self._transport = cast("asyncio.Transport", transport)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        at = head.lower().find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if end and len(body) >= length:
            self._buffer = b""
            self._go_on(iter(self._streams[b"/messages" in head.split(b"\r\n", 1)[0]]))

    def _go_on(self, chunks: Iterator[bytes]) -> None:
        """Write one chunk: each reaches the reader on its own."""
        chunk = next(chunks, None)
        if chunk is None or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(chunk)
        loop = asyncio.get_running_loop()
        if self._between:
            loop.call_later(self._between, self._go_on, chunks)
        else:
            loop.call_soon(self._go_on, chunks)


async def _serve(events: int, between: float) -> None:
    chat, messages = _chunked(_chat(events)), _chunked(_messages(events))
    server = await asyncio.get_running_loop().create_server(
        lambda: Upstream(chat, messages, between), "127.0.0.1", 0, backlog=2048
    )
    print(f"ready {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
