"""Collects a body from its pieces and unpacks it, both within bounds."""

import asyncio
from typing import Final

from aiohttp.compression_utils import (
    BrotliDecompressor,
    DecompressionBaseHandler,
    ZLibDecompressor,
    ZSTDDecompressor,
)

from weir_gateway.domain.errors import BadRequest, NothingCanServe, TooLarge
from weir_gateway.http.server import OVERLOADED
from weir_gateway.routing.replies import ByteBudget

UNPACK_ON_LOOP: Final = 64 * 1024  # bytes; unpacking more takes too long for the event loop


class BodyPieces:
    """The pieces of one body, whose bytes count against a budget of all bodies."""

    __slots__ = ("_budget", "_max", "pieces", "size")

    def __init__(self, budget: ByteBudget, max_bytes: int) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self._budget = budget
        self._max = max_bytes

    def add(self, piece: bytes) -> None:
        """Raises TooLarge and, where all bodies together are too large, NothingCanServe."""
        if self.size + len(piece) > self._max:
            raise too_large(self._max)
        if len(piece) > self._budget.left:
            raise NothingCanServe(
                "the bodies of all requests under way are too large together: try again",
                code=OVERLOADED,
            )
        self._budget.left -= len(piece)
        self.size += len(piece)
        self.pieces.append(piece)

    def whole(self) -> bytes:
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    def release(self) -> None:
        """Drop the pieces and give their bytes back."""
        self._budget.left += self.size
        self.size = 0
        self.pieces = []


def too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body is over {max_bytes} bytes, the most this gateway accepts")


def decompressor(encoding: str) -> DecompressionBaseHandler | None:
    """What unpacks `encoding`; None for one that can't be unpacked."""
    if encoding in {"gzip", "deflate"}:
        return ZLibDecompressor(encoding=encoding)
    if encoding == "br":
        return BrotliDecompressor()
    return ZSTDDecompressor() if encoding == "zstd" else None


async def unpack(encoding: str, body: bytes, max_bytes: int) -> bytes:
    """Unpack a whole body of a known encoding. Raises TooLarge and BadRequest."""
    if not encoding:
        return body
    if len(body) > UNPACK_ON_LOOP:
        return await asyncio.to_thread(_unpack, encoding, body, max_bytes)
    return _unpack(encoding, body, max_bytes)


def _unpack(encoding: str, body: bytes, max_bytes: int) -> bytes:
    handler = decompressor(encoding)
    if handler is None:
        raise BadRequest(f"the body's Content-Encoding {encoding} is unknown", code="invalid_body")
    parts, size, data = list[bytes](), 0, body
    while True:
        part = _next_part(handler, data, max_bytes + 1 - size)
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise too_large(max_bytes)
        if not part or not handler.data_available:
            return b"".join(parts)
        data = b""


def _next_part(handler: DecompressionBaseHandler, data: bytes, most: int) -> bytes:
    try:
        return handler.decompress_sync(data, max_length=most)
    except Exception as error:  # the libraries' own errors have no common base
        raise BadRequest(f"the body can't be read: {error}", code="invalid_body") from error
