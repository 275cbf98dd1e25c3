"""How a wire cuts its streams into events: server-sent events, or AWS's messages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from weir_wires import event_stream
from weir_wires.event import Event, EventReader
from weir_wires.event_stream import EventStreamReader


class FrameReader(Protocol):
    """Reads the events of one stream that comes in pieces."""

    def feed(self, chunk: bytes, /) -> list[Event]:
        """The events that are whole now that `chunk` is there.

        Raises MalformedResponse and EventTooLarge.
        """
        ...

    def rest(self) -> list[Event]:
        """What an orderly end leaves. Raises MalformedResponse where that can't be the end."""
        ...


@dataclass(frozen=True, slots=True)
class Framing:
    """One framing."""

    media_type: str  # the content type of a streamed answer
    reader: Callable[[], FrameReader]


SSE: Final = Framing("text/event-stream", EventReader)
# Clients speak no wire with this framing, so such a stream is always translated.
AWS_EVENT_STREAM: Final = Framing(event_stream.MEDIA_TYPE, EventStreamReader)
