"""Replies that come out of the response cache, and replies that are copied into it."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from weir_gateway.domain.cache import CachedResponse
from weir_gateway.routing.cache.key import as_object
from weir_gateway.routing.replies import ByteBudget, ReplyWrapper, Sent
from weir_wires.content import Usage

OK: Final = 200
FREE: Final = Usage(input=0, output=0)
CACHED_HEADERS: Final = frozenset({"content-type", "x-weir-dropped"})  # others tell of one call
EVENT_STREAM: Final = "text/event-stream"
_UNFINISHED: Final = frozenset({"failed", "cancelled", "queued", "in_progress"})
_FAILED: Final = frozenset({"error", "response.failed"})
_DATA: Final = re.compile(rb"^data: ?(.*)$", re.MULTILINE)
_SUSPECT: Final = re.compile(rb"error|failed")


class CachedReply:
    """An answer that is given again, as the request's own: it took no tokens."""

    written = 0
    wasted: Usage | None = None
    status = OK
    usage: Usage | None = FREE

    def __init__(self, answer: CachedResponse, body: bytes) -> None:
        """`body` is the answer's, as the request's own."""
        self.headers: Mapping[str, str] = dict(answer.headers)
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it."""
        yield self._body

    async def finish(self) -> None:
        """Nothing is left."""

    async def close(self, *, abort: bool) -> None:
        """Nothing is held."""


class RecordingReply(ReplyWrapper):
    """An answer that is copied as it passes."""

    def __init__(
        self, reply: Sent, most: int, room: ByteBudget, over: Callable[[bytes | None], None]
    ) -> None:
        """`over` gets a whole, good answer of at most `most` bytes, else None; exactly once.

        So it does where there is no `room` for its copy.
        """
        super().__init__(reply, reply.wasted)
        self._most = most if reply.status == OK else -1
        self._room = room
        self._copied: list[bytes] = []
        self._size = 0
        self._over: Callable[[bytes | None], None] | None = over

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises UpstreamError when it breaks half-way."""
        async for chunk in self._reply.chunks():
            if self._over is not None:
                self._copy(chunk)
            yield chunk
        body = b"".join(self._copied)
        good = self._over is not None and whole(body, self.headers.get("content-type", ""))
        self._tell(body if good else None)

    async def close(self, *, abort: bool) -> None:
        """Give the connection back. An answer that was not read to its end is none."""
        try:
            await super().close(abort=abort)
        finally:
            self._tell(None)

    def _copy(self, chunk: bytes) -> None:
        size = len(chunk)
        if self._size + size > self._most or size > self._room.left:
            self._tell(None)
            return
        self._copied.append(chunk)
        self._size += size
        self._room.left -= size

    def _tell(self, body: bytes | None) -> None:
        self._room.left += self._size
        self._size = 0
        self._copied.clear()
        over, self._over = self._over, None
        if over is not None:
            over(body)


def cached_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those that are an answer's own."""
    return tuple((name, value) for name, value in headers.items() if name in CACHED_HEADERS)


def whole(body: bytes, kind: str) -> bool:
    """Whether an answer with status 200 tells of no failure within."""
    if not kind.startswith(EVENT_STREAM):
        return _good(body)
    return all(_good(data) for data in _DATA.findall(body) if _SUSPECT.search(data))


def _good(data: bytes) -> bool:
    try:
        fields = as_object(json.loads(data))
    except (ValueError, RecursionError):
        return False
    if fields is None:
        return True
    failed = fields.get("error") is not None or fields.get("type") in _FAILED
    return not failed and fields.get("status") not in _UNFINISHED
