"""Inspects the first event of a stream: an error in its place is a failure before the answer.

Comments, pings and chunks without a choice are no answer yet, so what follows them is waited for.
Nothing is held once one other event is whole.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from weir_gateway.adapters.providers.credentials import redact
from weir_gateway.adapters.providers.failure_kinds import OK, kind_of
from weir_gateway.adapters.providers.reply import ProviderResponse
from weir_gateway.adapters.providers.upstream_errors import (
    MAX_MESSAGE_CHARS,
    invalid_response,
    map_client_errors,
)
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_wires.error_reading import ProviderError, read_error
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, EventTooLarge
from weir_wires.faults import event_tells_error, has_no_choice, is_end
from weir_wires.framing import FrameReader

MAX_BEFORE: Final = 256 * 1024  # bytes that are inspected; a larger first event passes
PING: Final = "ping"
BAD_GATEWAY: Final = 502
# What clients are told where a provider's error came with status 200.
STATUSES: Final = {
    UpstreamFailure.RATE_LIMIT: 429,
    UpstreamFailure.QUOTA: 429,
    UpstreamFailure.OVERLOADED: 503,
    UpstreamFailure.AUTH: 401,
    UpstreamFailure.MODEL_NOT_FOUND: 404,
    UpstreamFailure.CONTEXT_LENGTH: 400,
    UpstreamFailure.CONTENT_FILTER: 400,
}
CLIENT_FAULTS: Final = frozenset({"invalidrequesterror", "invalidargument", "badrequest", "400"})


async def inspect_first_events(answer: ProviderResponse) -> ProviderResponse:
    """The response with its first event in `first`.

    Raises UpstreamError where that is an error, or where the stream ends without one.
    """
    reader, chunk = answer.outbound.wire.framing.reader(), answer.first
    seen = [chunk]
    with map_client_errors(answer.backend, "sent no event"):
        async with asyncio.timeout(answer.backend.timeouts.first_token):
            while chunk:
                if _begun(answer, _feed(answer, reader, chunk)) or sum(map(len, seen)) > MAX_BEFORE:
                    return replace(answer, first=b"".join(seen))
                chunk = await answer.response.content.readany()
                seen.append(chunk)
    if not _begun(answer, _feed(answer, reader, b"")):
        raise invalid_response(answer.backend, "ended its stream before it began")
    return replace(answer, first=b"".join(seen))


def error_in_answer(answer: ProviderResponse, body: bytes) -> UpstreamError:
    """The error that a provider sent with status 200 in place of an answer."""
    found = read_error(redact(answer.secret, body))
    kind = kind_of(OK, found)
    status = _status(kind, found)
    error = UpstreamError(
        f"backend {answer.backend.id} answered 200 with an error: "
        f"{found.message[:MAX_MESSAGE_CHARS] or 'it says no more'}",
        failure=kind,
        upstream_status=status,
        transient=kind is not UpstreamFailure.STATUS,
    )
    if status < BAD_GATEWAY:
        error.type = "invalid_request_error"
    return error


def _status(kind: UpstreamFailure, found: ProviderError) -> int:
    if kind in STATUSES:
        return STATUSES[kind]
    return 400 if found.codes & CLIENT_FAULTS else BAD_GATEWAY


def _feed(answer: ProviderResponse, reader: FrameReader, chunk: bytes) -> list[Event]:
    try:
        return reader.feed(chunk) if chunk else reader.rest()
    except EventTooLarge:
        return []
    except MalformedResponse as error:
        what = f"sent a stream that can't be read: {error}"
        raise invalid_response(answer.backend, what) from error


def _waits(event: Event) -> bool:
    """Whether the answer is still to come: after a ping, or after a chunk without a choice."""
    return event.name == PING or has_no_choice(event.data)


def _begun(answer: ProviderResponse, events: Sequence[Event]) -> bool:
    """Whether an answer has begun. Raises UpstreamError where it is an error."""
    first = next((event for event in events if not _waits(event)), None)
    if first is None:
        return False
    if event_tells_error(first):
        raise error_in_answer(answer, first.data)
    if is_end(first):
        raise invalid_response(answer.backend, "ended its stream before it began")
    return True
