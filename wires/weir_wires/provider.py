"""What a provider's wire is, apart from translation: where it is spoken, how it tells of its end.

A new wire is one file that fills `ProviderWire`, and one line in `providers.py`. Must not know
sockets, tables or clients.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from weir_wires.error_shapes import ErrorShape
from weir_wires.event import Event
from weir_wires.usage import Usage
from weir_wires.wire import Wire


class Reader(Protocol):
    """Reads a stream's events for what the gateway itself wants to know; never raises."""

    usage: Usage | None  # as told so far
    complete: bool  # an orderly end now would be a whole answer's
    last: bool  # the wire's very last event has come: nothing more can be missing

    def feed(self, event: Event) -> None:
        """Take note of one event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWire:
    """One wire as providers speak it."""

    wire: Wire
    path: str  # below the API's `/v1`
    key: tuple[str, str]  # the header that carries the key, and what stands before the key in it
    errors: ErrorShape
    usage: Callable[
        [bytes], Usage | None
    ]  # of a whole answer; raises MalformedResponse where it is none
    reader: Callable[[], Reader]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # with every call
    passes: tuple[str, ...] = ()  # the client's headers that go on to a provider of its own wire
    marks: tuple[bytes, ...] = ()  # begin a last event that may be larger than a stream's kept end
