"""A stream that is translated from the provider's wire to the client's, event by event.

Only whole events of the provider are translated, and the stream ends only where the provider's
does.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from weir_gateway.adapters.providers.credentials import redact
from weir_gateway.adapters.providers.reply import ProviderResponse, Release, read_rest
from weir_gateway.adapters.providers.upstream_errors import (
    invalid_response,
    map_client_errors,
    untranslated,
)
from weir_gateway.domain.errors import UpstreamError
from weir_wires.content import Usage
from weir_wires.event import Event, EventTooLarge, write
from weir_wires.framing import SSE
from weir_wires.stream_ends import StreamEnds
from weir_wires.translator import StreamTranslator

_USAGE_KEY: Final = b"usage"  # in every event with token counts


class TranslatedReply:
    """A Reply; call `begin` first."""

    def __init__(self, answer: ProviderResponse, events: StreamTranslator) -> None:
        self.status = answer.response.status
        self.headers = {**answer.headers, "content-type": SSE.media_type}
        self.usage: Usage | None = None
        self._backend = answer.backend
        self._response = answer.response
        self._first = answer.first
        self._events = events
        self._release: Release | None = answer.call.end
        self._secret = answer.secret
        self._reader = answer.outbound.wire.framing.reader()
        self._usage_reader = answer.outbound.wire.reader()
        self._ended = False
        self._ends = StreamEnds(answer.outbound.wire)  # its events as if they were sent by SSE

    @property
    def written(self) -> int:
        """Tokens of the answer so far, estimated; 0 where the usage counts all of it."""
        if self._usage_reader.complete and self.usage is not None and self.usage.output:
            return 0
        return self._ends.written()

    async def begin(self) -> None:
        """Read until there is data for the client.

        Raises UpstreamError if no valid event comes in time, so that a fallback can answer.
        """
        timeout = self._backend.timeouts.first_token
        with map_client_errors(self._backend, "sent no event"):
            async with asyncio.timeout(timeout):
                chunk, data = self._first, self._feed(self._first)
                while not data and chunk:
                    chunk = await self._response.content.readany()
                    data = self._feed(chunk) if chunk else self._end()
        self._first = data

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the client's events. Raises UpstreamError if the provider's stream is invalid."""
        if self._first:
            yield self._first
        read = self._response.content.readany
        idle = self._backend.timeouts.idle
        while not self._ended:
            try:
                try:
                    async with asyncio.timeout(idle):
                        chunk = await read()
                except Exception:  # a context manager per chunk would be costly
                    with map_client_errors(self._backend, "was silent"):
                        raise
            except UpstreamError:
                if not self._usage_reader.last:
                    raise
                chunk = b""  # the answer is complete; only the connection ended badly
            data = self._feed(chunk) if chunk else self._end()
            if data:
                yield data
        self.usage = self._usage_reader.usage

    async def finish(self) -> None:
        """Read the rest for its usage, though no client reads it."""
        await read_rest(self._response.content, self._backend, self._feed)
        self.usage = self._usage_reader.usage

    async def close(self, *, abort: bool) -> None:
        """Release the connection; `abort` closes it, so that the provider stops generating."""
        release, self._release = self._release, None
        if release is None:
            return
        if abort:
            self._response.close()
        else:
            self._response.release()
        self.usage = self._usage_reader.usage
        release(self.usage, "aborted" if abort else "")

    def _feed(self, chunk: bytes) -> bytes:
        try:
            return self._translated(self._reader.feed(chunk))
        except Exception as error:
            raise self._broken(error) from error

    def _end(self) -> bytes:
        self._ended = True
        try:
            return self._translated(self._reader.rest()) + self._events.end()
        except Exception as error:
            raise self._broken(error) from error

    def _translated(self, events: list[Event]) -> bytes:
        parts: list[bytes] = []
        for event in events:
            if _USAGE_KEY in event.data or b"stop" in event.data or b"DONE" in event.data:
                self._usage_reader.feed(event)
            self._ends.feed(write(event.data))
            parts.append(self._events.feed(event))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _broken(self, error: Exception) -> UpstreamError:
        if isinstance(error, EventTooLarge):
            return invalid_response(self._backend, f"sent a stream that can't be read: {error}")
        failure = untranslated(self._backend, "sent a stream that can't be read", error)
        failure.message = redact(self._secret, failure.message.encode("utf-8", "replace")).decode()
        return failure
