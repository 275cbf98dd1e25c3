"""Turns a provider's response into the client's reply.

Whole or streamed, unchanged or translated; errors in the shape of the client's wire.
"""

import asyncio
from dataclasses import replace
from typing import Final

from weir_gateway.adapters.providers.credentials import redact
from weir_gateway.adapters.providers.first_events import error_in_answer, inspect_first_events
from weir_gateway.adapters.providers.outbound import MAX_ON_LOOP
from weir_gateway.adapters.providers.reply import ProviderResponse, StreamReply, WholeReply
from weir_gateway.adapters.providers.reply_headers import forbids_retries, retry_after
from weir_gateway.adapters.providers.translated import TranslatedReply
from weir_gateway.adapters.providers.upstream_errors import (
    fallback_may_help,
    from_status,
    invalid_response,
    map_client_errors,
    untranslated,
)
from weir_gateway.adapters.providers.usage_option import UsageOptionRefused, refuses_option
from weir_gateway.domain.errors import UpstreamError
from weir_wires.content import Usage
from weir_wires.error_reading import with_code
from weir_wires.faults import tells_error
from weir_wires.framing import SSE
from weir_wires.spec import WireSpec
from weir_wires.stream_ends import tokens_written

JSON: Final = "application/json"
ERROR_BODY: Final = 64 * 1024  # bytes read of an error body
_OWN_HEADERS: Final = frozenset({"content-type"})  # which the gateway writes itself
FIRST_ERROR: Final = 400
FIRST_REDIRECT: Final = 300

UpstreamReply = WholeReply | StreamReply | TranslatedReply


async def to_reply(answer: ProviderResponse, client: WireSpec, *, stream: bool) -> UpstreamReply:
    """The reply on the wire `client`; a stream already has its first event.

    Raises UpstreamError for errors that a fallback may avoid.
    """
    response = answer.response
    if response.status >= FIRST_ERROR:
        return await _error_reply(answer)
    if response.status >= FIRST_REDIRECT:
        raise invalid_response(
            answer.backend, f"answered {response.status}, a redirect, which is not followed"
        )
    if not stream or response.content_type != answer.outbound.wire.framing.media_type:
        return await _whole_reply(answer, client if stream else None)
    answer = await inspect_first_events(answer)
    if answer.outbound.response is None:
        return StreamReply(answer)
    translated = TranslatedReply(answer, answer.outbound.response.stream())
    await translated.begin()
    return translated


async def _whole_reply(answer: ProviderResponse, streamed: WireSpec | None) -> WholeReply:
    """An answer that came in one piece; as events where the client awaits a stream of its wire."""
    backend = answer.backend
    media = answer.response.content_type
    if media != JSON and not media.endswith("+json"):
        raise invalid_response(backend, f"answered with {media}, not with JSON")
    body = await _read_rest(answer, answer.max_bytes)
    if len(body) > answer.max_bytes:
        raise invalid_response(backend, f"answered with more than {answer.max_bytes} bytes")
    try:
        if answer.outbound.response is not None and len(body) > MAX_ON_LOOP:
            body, usage, written = await asyncio.to_thread(_read, answer, body)
        else:
            body, usage, written = _read(answer, body)
        if streamed is not None and streamed.as_stream is not None:
            body, answer = streamed.as_stream(body), _as_events(answer)
    except UpstreamError:
        raise
    except Exception as error:
        raise untranslated(backend, "answered what can't be read", error) from error
    answer.call.end(usage, "")
    return WholeReply(answer.response.status, answer.headers, body, usage, written)


def _read(answer: ProviderResponse, body: bytes) -> tuple[bytes, Usage | None, int]:
    """The client's answer, its usage, and the tokens that no usage counts.

    Raises UpstreamError where the body is an error or brings nothing, else what translators raise.
    """
    wire = answer.outbound.wire
    if tells_error(body):
        raise error_in_answer(answer, body)
    if wire.empty is not None and wire.empty(body):
        raise invalid_response(answer.backend, "answered 200 without an answer")
    usage = wire.usage(body)
    written = 0 if usage is not None and usage.output else tokens_written(wire, body)
    translator = answer.outbound.response
    return (body if translator is None else translator.translate(body)), usage, written


def _as_events(answer: ProviderResponse) -> ProviderResponse:
    return replace(answer, headers={**answer.headers, "content-type": SSE.media_type})


async def _error_reply(answer: ProviderResponse) -> WholeReply:
    """A provider's error: raised if a fallback may help, else passed on to the client.

    Raises UsageOptionRefused where the call has a field that the server doesn't know.
    """
    status = answer.response.status
    code = answer.response.headers.get(answer.outbound.wire.error_header, "")
    body = with_code((await _read_rest(answer, ERROR_BODY))[:ERROR_BODY], code)
    body = redact(answer.secret, body)
    if refuses_option(answer.outbound, status, body):
        raise UsageOptionRefused
    provider_shape, client_shape = answer.outbound.wire.errors, answer.outbound.client_errors
    wait = retry_after(answer.headers)
    error = from_status(answer.backend, status, body, wait, provider_shape, client_shape)
    if fallback_may_help(error):
        error.transient = error.transient and not forbids_retries(answer.headers)
        error.headers = {n: v for n, v in answer.headers.items() if n not in _OWN_HEADERS}
        raise error
    answer.call.end(None, f"status_{status}")
    headers = {**answer.headers, "content-type": JSON}
    return WholeReply(status, headers, client_shape.write(error), None)


async def _read_rest(answer: ProviderResponse, cap: int) -> bytes:
    """The body including its first chunk; stops reading once it exceeds `cap` bytes."""
    content = answer.response.content
    if content.at_eof():
        return answer.first
    chunks, size = [answer.first], len(answer.first)
    with map_client_errors(answer.backend, "was silent"):
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
