"""A provider's answer, once its head and first chunk are there, as a reply for the client.

Whole or streamed, as it came or translated; errors in the shape of the client's wire. Must not
know how a call is made.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from weir_gateway.adapters.providers.credentials import Secret, redact
from weir_gateway.adapters.providers.outbound import MAX_ON_LOOP, Call, Outbound
from weir_gateway.adapters.providers.reply import StreamReply, WholeReply
from weir_gateway.adapters.providers.translated import TranslatedReply
from weir_gateway.adapters.providers.upstream_errors import (
    fallback_may_help,
    from_status,
    invalid_response,
    mapped,
)
from weir_gateway.domain.table import Backend
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
ERROR_BODY: Final = 64 * 1024  # bytes of an error answer that are read
FIRST_ERROR: Final = 400
FIRST_REDIRECT: Final = 300

UpstreamReply = WholeReply | StreamReply | TranslatedReply


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """An answer whose head and first chunk have come."""

    backend: Backend
    outbound: Outbound
    response: aiohttp.ClientResponse
    headers: Mapping[str, str]  # those that are given back
    first: bytes
    call: Call
    secret: Secret | None
    max_bytes: int  # bytes of a whole answer


async def to_reply(answer: ProviderResponse, *, stream: bool) -> UpstreamReply:
    """The reply; a translated stream's has its first event for the client.

    Raises UpstreamError for what another candidate might mend.
    """
    response = answer.response
    if response.status >= FIRST_ERROR:
        return await _error_reply(answer)
    if response.status >= FIRST_REDIRECT:
        raise invalid_response(
            answer.backend, f"answered {response.status}, a redirect, which is not followed"
        )
    if not stream or response.content_type != EVENT_STREAM:
        return await _whole_reply(answer)
    if not answer.first:
        raise invalid_response(answer.backend, "ended its stream before it began")
    if answer.outbound.response is None:
        return StreamReply(
            answer.backend,
            answer.outbound.wire,
            response,
            answer.headers,
            answer.first,
            answer.call.end,
        )
    translated = TranslatedReply(
        answer.backend,
        answer.outbound.wire,
        response,
        answer.headers,
        first=answer.first,
        events=answer.outbound.response.stream(),
        release=answer.call.end,
        secret=answer.secret,
    )
    await translated.begin()
    return translated


async def _whole_reply(answer: ProviderResponse) -> WholeReply:
    backend = answer.backend
    media = answer.response.content_type
    if media != JSON and not media.endswith("+json"):
        raise invalid_response(backend, f"answered with {media}, not with JSON")
    body = await _read_rest(answer, answer.max_bytes)
    if len(body) > answer.max_bytes:
        raise invalid_response(backend, f"answered with more than {answer.max_bytes} bytes")
    try:
        if answer.outbound.response is not None and len(body) > MAX_ON_LOOP:
            body, usage = await asyncio.to_thread(_read, answer, body)
        else:
            body, usage = _read(answer, body)
    except MalformedResponse as error:
        raise invalid_response(backend, f"answered what can't be read: {error}") from error
    answer.call.end(usage, "")
    return WholeReply(answer.response.status, answer.headers, body, usage)


def _read(answer: ProviderResponse, body: bytes) -> tuple[bytes, Usage | None]:
    usage = answer.outbound.wire.usage(body)
    back = answer.outbound.response
    return (body if back is None else back.translate(body)), usage


async def _error_reply(answer: ProviderResponse) -> WholeReply:
    """A provider's error: raised where a fallback may mend it, else passed on."""
    status = answer.response.status
    body = redact(answer.secret, (await _read_rest(answer, ERROR_BODY))[:ERROR_BODY])
    spoken, wanted = answer.outbound.wire.errors, answer.outbound.client_errors
    retry_after = answer.headers.get("retry-after")
    error = from_status(answer.backend, status, body, retry_after, spoken, wanted)
    if fallback_may_help(error):
        raise error
    answer.call.end(None, f"status_{status}")
    headers = {**answer.headers, "content-type": JSON}
    return WholeReply(status, headers, wanted.write(error), None)


async def _read_rest(answer: ProviderResponse, cap: int) -> bytes:
    """The body from its first chunk on; stops reading once it is over `cap` bytes."""
    content = answer.response.content
    if content.at_eof():
        return answer.first
    chunks, size = [answer.first], len(answer.first)
    with mapped(answer.backend, "was silent"):
        while size <= cap:
            async with asyncio.timeout(answer.backend.timeouts.idle):
                chunk = await content.readany()
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
    if size > cap:
        answer.response.close()
    return b"".join(chunks)
