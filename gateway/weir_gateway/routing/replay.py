"""Answers on their way into a cache and out of it, behind the port Sent. Must not know keys."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from weir_gateway.domain.cache import Answer
from weir_gateway.domain.money import Usage
from weir_gateway.routing.cache_key import as_object
from weir_gateway.routing.ports import Sent

OK: Final = 200
FREE: Final = Usage(input=0, output=0)
KEPT_HEADERS: Final = frozenset({"content-type", "x-weir-dropped"})  # others tell of one call
EVENT_STREAM: Final = "text/event-stream"
_UNFINISHED: Final = frozenset({"failed", "cancelled", "queued", "in_progress"})
_FAILED: Final = frozenset({"error", "response.failed"})
_DATA: Final = re.compile(rb"^data: ?(.*)$", re.MULTILINE)
_SUSPECT: Final = re.compile(rb"error|failed")


class Replayed:
    """An answer that is given again: it took no tokens."""

    pieces = 0
    wasted: Usage | None = None
    status = OK
    usage: Usage | None = FREE

    def __init__(self, answer: Answer) -> None:
        self.headers: Mapping[str, str] = dict(answer.headers)
        self._body = answer.body

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it."""
        yield self._body

    async def close(self, *, abort: bool) -> None:
        """Nothing is held."""


class Recorded:
    """An answer that is copied as it passes."""

    def __init__(self, reply: Sent, most: int, over: Callable[[bytes | None], None]) -> None:
        """`over` gets a whole, good answer of at most `most` bytes, else None; exactly once."""
        self._reply = reply
        self._most = most
        self._over: Callable[[bytes | None], None] | None = over

    @property
    def status(self) -> int:
        """The provider's."""
        return self._reply.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The provider's."""
        return self._reply.headers

    @property
    def usage(self) -> Usage | None:
        """As the provider counted it."""
        return self._reply.usage

    @property
    def wasted(self) -> Usage | None:
        """Of a second call that was cancelled."""
        return self._reply.wasted

    @property
    def pieces(self) -> int:
        """Events that have passed."""
        return self._reply.pieces

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises UpstreamError when it breaks half-way."""
        copied: list[bytes] = []
        room = self._most if self._reply.status == OK else -1
        async for chunk in self._reply.chunks():
            if room >= 0:
                room -= len(chunk)
                copied.append(chunk)
            if room < 0 and copied:
                copied.clear()
            yield chunk
        body = b"".join(copied)
        good = room >= 0 and whole(body, self.headers.get("content-type", ""))
        self._tell(body if good else None)

    async def close(self, *, abort: bool) -> None:
        """Give the connection back. An answer that was not read to its end is none."""
        try:
            await self._reply.close(abort=abort)
        finally:
            self._tell(None)

    def _tell(self, body: bytes | None) -> None:
        over, self._over = self._over, None
        if over is not None:
            over(body)


def kept_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those that are an answer's own."""
    return tuple((name, value) for name, value in headers.items() if name in KEPT_HEADERS)


def whole(body: bytes, kind: str) -> bool:
    """Whether an answer with status 200 tells of no failure within."""
    if not kind.startswith(EVENT_STREAM):
        return _good(body)
    return all(_good(data) for data in _DATA.findall(body) if _SUSPECT.search(data))


def _good(data: bytes) -> bool:
    try:
        said = as_object(json.loads(data))
    except (ValueError, RecursionError):
        return False
    if said is None:
        return True
    failed = said.get("error") is not None or said.get("type") in _FAILED
    return not failed and said.get("status") not in _UNFINISHED
