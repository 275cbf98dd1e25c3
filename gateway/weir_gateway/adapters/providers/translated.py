"""A stream on its way from one wire to another, event by event, behind routing's Reply.

Nothing is given on that the provider's wire did not say in whole events, and no end but the
provider's own. Must not know which wires they are.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import aiohttp

from weir_gateway.adapters.providers.credentials import Secret, redact
from weir_gateway.adapters.providers.reply import Release
from weir_gateway.adapters.providers.upstream_errors import invalid_response, mapped
from weir_gateway.domain.errors import UpstreamError
from weir_gateway.domain.table import Backend
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.event import Event, EventReader, EventTooLarge
from weir_wires.spec import WireSpec
from weir_wires.translator import StreamTranslator

_USAGE_KEY: Final = b"usage"  # stands in every event that tells of tokens


class TranslatedReply:
    """See `routing.ports.Reply`; `begin` it before anything else."""

    def __init__(  # noqa: PLR0913 - a stream, its translation, and what ends it
        self,
        backend: Backend,
        wire: WireSpec,
        response: aiohttp.ClientResponse,
        headers: Mapping[str, str],
        *,
        first: bytes,
        events: StreamTranslator,
        release: Release,
        secret: Secret | None,
    ) -> None:
        self.status = response.status
        self.headers = headers
        self.usage: Usage | None = None
        self._backend = backend
        self._response = response
        self._first = first
        self._events = events
        self._release: Release | None = release
        self._secret = secret
        self._reader = EventReader()
        self._usage_reader = wire.reader()
        self._ended = False
        self.pieces = 0  # events that have been read

    async def begin(self) -> None:
        """Read on until there is something for the client.

        Raises UpstreamError where nothing readable comes in time: another candidate may do better.
        """
        within = self._backend.timeouts.first_token
        with mapped(self._backend, "sent no event"):
            async with asyncio.timeout(within):
                chunk, data = self._first, self._feed(self._first)
                while not data and chunk:
                    chunk = await self._response.content.readany()
                    data = self._feed(chunk) if chunk else self._end()
        self._first = data

    async def chunks(self) -> AsyncIterator[bytes]:
        """The client's events. Raises UpstreamError where the provider's stream is no good."""
        if self._first:
            yield self._first
        read = self._response.content.readany
        idle = self._backend.timeouts.idle
        while not self._ended:
            try:
                try:
                    async with asyncio.timeout(idle):
                        chunk = await read()
                except Exception:  # entered for every chunk, so mapped only where it is needed
                    with mapped(self._backend, "was silent"):
                        raise
            except UpstreamError:
                if not self._usage_reader.last:
                    raise
                chunk = b""  # the answer is complete; only the connection ended badly
            data = self._feed(chunk) if chunk else self._end()
            if data:
                yield data
        self.usage = self._usage_reader.usage

    async def close(self, *, abort: bool) -> None:
        """Give the connection back, or with `abort` drop it: the provider then stops working."""
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
        except (MalformedResponse, EventTooLarge) as error:
            raise self._broken(error) from error

    def _end(self) -> bytes:
        self._ended = True
        try:
            return self._translated(self._reader.rest()) + self._events.end()
        except (MalformedResponse, EventTooLarge) as error:
            raise self._broken(error) from error

    def _translated(self, events: list[Event]) -> bytes:
        parts: list[bytes] = []
        self.pieces += len(events)
        for event in events:
            if _USAGE_KEY in event.data or b"stop" in event.data or b"DONE" in event.data:
                self._usage_reader.feed(event)
            parts.append(self._events.feed(event))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _broken(self, error: Exception) -> UpstreamError:
        words = redact(self._secret, str(error).encode("utf-8", "replace")).decode()
        return invalid_response(self._backend, f"sent a stream that can't be read: {words}")
