"""A provider's answer, once its head and first chunk are there, as a reply for the client.

Whole or streamed, as it came or translated; errors in the shape of the client's wire. Must not
know how a call is made.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from weir_gateway.adapters.providers.calls import Call
from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.providers.outbound import ON_LOOP, Outbound
from weir_gateway.adapters.providers.redaction import without
from weir_gateway.adapters.providers.reply import StreamReply, WholeReply
from weir_gateway.adapters.providers.translated import TranslatedReply
from weir_gateway.adapters.providers.upstream_errors import (
    broken,
    from_status,
    mapped,
    may_be_mended,
)
from weir_gateway.domain.table import Backend
from weir_wires.errors import MalformedResponse
from weir_wires.usage import Usage

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
ERROR_BODY: Final = 64 * 1024  # bytes of an error answer that are read
ERROR_FROM: Final = 400
REDIRECT_FROM: Final = 300

UpstreamReply = WholeReply | StreamReply | TranslatedReply


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose head and first chunk have come."""

    backend: Backend
    out: Outbound
    response: aiohttp.ClientResponse
    headers: Mapping[str, str]  # those that are given back
    first: bytes
    call: Call
    secret: Secret | None
    most: int  # bytes of a whole answer


async def reply(answer: Answer, *, stream: bool) -> UpstreamReply:
    """The reply; a translated stream's has its first event for the client.

    Raises UpstreamError for what another candidate might mend.
    """
    response = answer.response
    if response.status >= ERROR_FROM:
        return await _refusal(answer)
    if response.status >= REDIRECT_FROM:
        raise broken(
            answer.backend, f"answered {response.status}, a redirect, which is not followed"
        )
    if not stream or response.content_type != EVENT_STREAM:
        return await _whole(answer)
    if not answer.first:
        raise broken(answer.backend, "ended its stream before it began")
    if answer.out.response is None:
        return StreamReply(
            answer.backend,
            answer.out.wire,
            response,
            answer.headers,
            answer.first,
            answer.call.end,
        )
    translated = TranslatedReply(
        answer.backend,
        answer.out.wire,
        response,
        answer.headers,
        first=answer.first,
        events=answer.out.response.stream(),
        release=answer.call.end,
        secret=answer.secret,
    )
    await translated.begin()
    return translated


async def _whole(answer: Answer) -> WholeReply:
    backend = answer.backend
    media = answer.response.content_type
    if media != JSON and not media.endswith("+json"):
        raise broken(backend, f"answered with {media}, not with JSON")
    body = await _rest(answer, answer.most)
    if len(body) > answer.most:
        raise broken(backend, f"answered with more than {answer.most} bytes")
    try:
        if answer.out.response is not None and len(body) > ON_LOOP:
            body, usage = await asyncio.to_thread(_read, answer, body)
        else:
            body, usage = _read(answer, body)
    except MalformedResponse as error:
        raise broken(backend, f"answered what can't be read: {error}") from error
    answer.call.end(usage, "")
    return WholeReply(answer.response.status, answer.headers, body, usage)


def _read(answer: Answer, body: bytes) -> tuple[bytes, Usage | None]:
    usage = answer.out.wire.usage(body)
    back = answer.out.response
    return (body if back is None else back.translate(body)), usage


async def _refusal(answer: Answer) -> WholeReply:
    """A provider's error: raised where a fallback may mend it, else passed on."""
    status = answer.response.status
    body = without(answer.secret, (await _rest(answer, ERROR_BODY))[:ERROR_BODY])
    spoken, wanted = answer.out.wire.errors, answer.out.wanted
    retry_after = answer.headers.get("retry-after")
    error = from_status(answer.backend, status, body, retry_after, spoken, wanted)
    if may_be_mended(error):
        raise error
    answer.call.end(None, f"status_{status}")
    headers = {**answer.headers, "content-type": JSON}
    return WholeReply(status, headers, wanted.write(error), None)


async def _rest(answer: Answer, cap: int) -> bytes:
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
