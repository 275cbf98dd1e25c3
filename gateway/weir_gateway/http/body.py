"""Reads a request's body within bounds of size, time and media type."""

import asyncio
from typing import Final

from aiohttp import web

from weir_gateway.domain.errors import (
    BadRequest,
    TooLarge,
    UnsupportedEncoding,
    UnsupportedMedia,
)

JSON_TYPES = frozenset({"application/json", "text/json"})
# What aiohttp unpacks while a body arrives, a bounded piece at a time.
ENCODINGS: Final = ("gzip", "deflate", "br", "zstd")
_READ: Final = frozenset({"", "identity", *ENCODINGS})


async def read_body(http: web.BaseRequest, *, max_bytes: int, within: float) -> bytes:
    """Read the whole body, at most `max_bytes`, in at most `within` seconds.

    The bytes are those of the unpacked body, and so is the bound. Raises UnsupportedMedia,
    TooLarge, and BadRequest where the client is too slow or disconnects.
    """
    media = http.content_type
    if media not in JSON_TYPES and not media.endswith("+json"):
        raise UnsupportedMedia(
            f"the body's Content-Type is {media}: send application/json", param=None
        )
    encoding = http.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _READ:
        raise UnsupportedEncoding(
            f"the body's Content-Encoding is {encoding}: send it plain or in one of "
            f"{', '.join(ENCODINGS)}"
        )
    if (http.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    content = http.content
    # The common case: the whole body has already arrived.
    if content.is_eof() and content.total_bytes <= max_bytes:
        return content.read_nowait(-1)
    await send_continue(http)
    try:
        async with asyncio.timeout(within):
            return await _read(http, max_bytes)
    except TimeoutError as error:
        raise BadRequest(
            f"the body did not arrive within {within:g} s: send it faster", code="body_timeout"
        ) from error


async def send_continue(http: web.BaseRequest) -> None:
    """Answer `Expect: 100-continue`; curl waits a second for it before it sends a large body."""
    if http.headers.get("Expect", "").lower() != "100-continue":
        return
    writer = http.writer
    await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # The interim response is no part of the real one, whose headers are still unsent.
    writer.output_size = 0


async def _read(http: web.BaseRequest, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := await http.content.readany():
            size += len(chunk)
            if size > max_bytes:
                raise _too_large(max_bytes)
            chunks.append(chunk)
    except (web.HTTPException, web.RequestPayloadError) as error:
        raise BadRequest(f"the body can't be read: {error}", code="invalid_body") from error
    return b"".join(chunks)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body is over {max_bytes} bytes, the most this gateway accepts")
