"""Reads of an answer, as it passes, what it cost."""

import asyncio
from dataclasses import dataclass
from typing import Final

from aiohttp.compression_utils import DecompressionBaseHandler

from weir_gateway.domain.errors import UpstreamError
from weir_gateway.extproc.bodies import decompressor
from weir_gateway.extproc.head import Head
from weir_gateway.routing.account import CLIENT_GONE, CLIENT_GONE_STATUS
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.spec import WireSpec
from weir_wires.stream_ends import StreamEnds, tokens_written

EVENT_STREAM: Final = "text/event-stream"
MAX_WHOLE: Final = 1024 * 1024  # bytes of an answer that is read for its usage; parsed in 5 ms
FIRST_ERROR: Final = 400
FIRST_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """How an answer ended, as far as it was seen."""

    status: int
    usage: Usage | None = None
    error: str = ""
    written: int = 0  # tokens that no usage counts, estimated


UNSEEN: Final = AnswerEnd(200)  # what Envoy did not show: it counts as a success, estimated
GONE: Final = AnswerEnd(CLIENT_GONE_STATUS, error=CLIENT_GONE)


class AnswerMeter:
    """One answer of a provider that speaks `wire`."""

    __slots__ = (
        "_body_comes",
        "_pieces",
        "_size",
        "_stream",
        "_unpack",
        "_wire",
        "ended",
        "status",
    )

    def __init__(self, wire: WireSpec, *, body_comes: bool) -> None:
        """`body_comes` is whether Envoy sends the answer's body, so that its end is seen."""
        self._body_comes = body_comes
        self.status = 0  # 0: no head has come
        self.ended = False
        self._wire = wire
        self._stream: StreamEnds | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._unpack: DecompressionBaseHandler | None = None

    def head(self, head: Head) -> None:
        self.status = head.status
        if head.media_type == EVENT_STREAM:
            self._stream = StreamEnds(self._wire)
        if head.encoding:
            self._unpack = decompressor(head.encoding)

    def feed(self, piece: bytes) -> None:
        """Take note of a piece; never raises."""
        if self._unpack is not None and piece:
            piece = self._unpacked(self._unpack, piece)
        if self._stream is not None:
            self._stream.feed(piece)
            return
        self._size += len(piece)
        if self._size <= MAX_WHOLE:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def end(self) -> AnswerEnd:
        """What is known when the request is over; an answer that was to come and didn't is cut."""
        cut = self._body_comes and not self.ended
        if not self.status:
            return GONE if cut else UNSEEN
        if self.status >= FIRST_SERVER_ERROR:
            return AnswerEnd(self.status, error=UpstreamError.code)
        if self.status >= FIRST_ERROR:
            return AnswerEnd(self.status)
        usage, written = self._read()
        if cut:
            return AnswerEnd(CLIENT_GONE_STATUS, usage, CLIENT_GONE, written)
        return AnswerEnd(self.status, usage, written=written)

    def _read(self) -> tuple[Usage | None, int]:
        if self._stream is not None:
            read = self._stream.read()
            counted = read.complete and read.usage is not None and read.usage.output
            return read.usage, 0 if counted else self._stream.written()
        body = b"".join(self._pieces)
        if not body:
            return None, 0
        try:
            usage = self._wire.usage(body)
        except MalformedResponse:
            return None, 0
        return usage, 0 if usage is not None and usage.output else tokens_written(self._wire, body)

    def _unpacked(self, unpack: DecompressionBaseHandler, piece: bytes) -> bytes:
        try:
            return unpack.decompress_sync(piece, max_length=MAX_WHOLE)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - each library has errors of its own; the bytes pass all the same
            self._unpack = None
            return b""
