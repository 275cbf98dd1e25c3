"""Reads a request's body within its bounds: size, time, media type. Must not know any wire."""

import asyncio

from aiohttp import web

from weir_gateway.domain.errors import BadRequest, TooLarge, UnsupportedMedia

JSON_TYPES = frozenset({"application/json", "text/json"})


async def read_body(http: web.BaseRequest, *, max_bytes: int, within: float) -> bytes:
    """The whole body, at most `cap` bytes, in at most `within` seconds.

    Raises UnsupportedMedia, TooLarge, and BadRequest where the client is too slow or goes away.
    """
    media = http.content_type
    if media not in JSON_TYPES and not media.endswith("+json"):
        raise UnsupportedMedia(
            f"the body's Content-Type is {media}: send application/json", param=None
        )
    if (http.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    content = http.content
    if content.is_eof() and content.total_bytes <= max_bytes:  # the common case: all there already
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
    """Say that the body is wanted; curl waits a second for this before it sends a large one."""
    if http.headers.get("Expect", "").lower() != "100-continue":
        return
    writer = http.writer
    await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    writer.output_size = 0  # no part of the response, whose head is still to come


async def _read(http: web.BaseRequest, cap: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := await http.content.readany():
            size += len(chunk)
            if size > cap:
                raise _too_large(cap)
            chunks.append(chunk)
    except (web.HTTPException, web.RequestPayloadError) as error:
        raise BadRequest(f"the body can't be read: {error}", code="invalid_body") from error
    return b"".join(chunks)


def _too_large(cap: int) -> TooLarge:
    return TooLarge(f"the body is over {cap} bytes, the most this gateway takes")
