"""What a pair of wires is: the client's on one side, the provider's on the other, both ways.

A new pair is one file that fills `Pair`, and one line in `pairs.py`. Must not know sockets.
"""

from dataclasses import dataclass
from typing import Protocol

from weir_gateway.domain.request import Request
from weir_wires.event import Event


class Unreadable(ValueError):
    """A provider's answer or event is not what its wire says; the message says what is wrong."""


class Events(Protocol):
    """One stream's translation; keeps what it needs between events and no more."""

    def feed(self, event: Event) -> bytes:
        """What the client is sent now: whole events of its wire, or nothing.

        An error event of the provider raises Unreadable with the provider's words: the stream
        then ends as a broken one does. Other events it doesn't know are left out.
        """
        ...

    def end(self) -> bytes:
        """What the client's wire wants last (`[DONE]`, `message_stop`, ...).

        Called once the provider's stream is over. Raises Unreadable where it ended before its own
        wire's last event: a partial answer must never look complete.
        """
        ...


class Back(Protocol):
    """An answer's way back; made for one request, whose wishes it may know (`include_usage`)."""

    def whole(self, body: bytes) -> bytes:
        """A provider's successful answer as the client's wire has it. Raises Unreadable."""
        ...

    def events(self) -> Events:
        """The same for a stream."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as the provider's wire has it."""

    body: bytes
    back: Back
    dropped: tuple[str, ...] = ()  # the client's fields left out because that does no harm


class Pair(Protocol):
    """A translation from one wire to another and back."""

    def request(self, request: Request, model: str) -> Outgoing:
        """`request.body` for `model`, the provider's id, on the provider's wire.

        Equal prefixes of conversations give equal prefixes of bytes: what comes first in a body
        stays first and keeps its key order, so that providers' prompt caches still hit.

        Raises CannotCarry, naming the field, where leaving it out would change the answer, and
        BadRequest where the body is not valid on the client's own wire.
        """
        ...
