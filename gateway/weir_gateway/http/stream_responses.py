"""Streamed responses: server-sent events as they come, or the same as one list of JSON objects."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from weir_wires.event import EventReader

_PING: Final = b"\n"
StreamWriter = Callable[[int, Mapping[str, str]], web.StreamResponse]  # of status and headers


class EventStream(web.StreamResponse):
    """Sends its headers together with its first event."""

    _send_headers_immediately = False

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status=status, headers=headers)


class ListStream(EventStream):
    """Writes the data of the events that it is given as one JSON list, element by element.

    Google's API streams so unless its client asks for events.
    """

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status, {**headers, "content-type": "application/json; charset=UTF-8"})
        self._events = EventReader()
        self._begun = False
        self._ended = False

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write the events of `data`; what has none keeps the stream open as white space."""
        pieces = b"".join(self._element(event.data) for event in self._events.feed(bytes(data)))
        await super().write(pieces or _PING)

    async def write_eof(self, data: bytes = b"") -> None:
        """Close the list."""
        if not self._ended:
            self._ended = True
            rest = b"".join(self._element(event.data) for event in self._events.rest())
            await super().write(rest + (b"\n]\n" if self._begun else b"[]\n"))
        await super().write_eof(data)

    def _element(self, element: bytes) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + element
