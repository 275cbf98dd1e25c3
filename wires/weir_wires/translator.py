"""A translation between two wires: the client's on one side, the provider's on the other."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from weir_wires.event import Event


class StreamTranslator(Protocol):
    """Translates one stream; keeps what it needs between events and no more."""

    def feed(self, event: Event) -> bytes:
        """Return what the client is sent now: whole events of its wire, or nothing.

        An error event of the provider raises MalformedResponse with the provider's words, and the
        stream then ends as a broken one does. Other events it doesn't know are left out.
        """
        ...

    def end(self) -> bytes:
        """Return what ends a stream on the client's wire (`[DONE]`, `message_stop`, ...).

        Called once, after the provider's stream. Raises MalformedResponse where that ended before
        its own wire's last event: a partial answer must never look complete.
        """
        ...


class ResponseTranslator(Protocol):
    """Translates the answer to one request, whose options it may know (`include_usage`)."""

    def translate(self, body: bytes) -> bytes:
        """A provider's successful answer on the client's wire. Raises MalformedResponse."""
        ...

    def stream(self) -> StreamTranslator:
        """Translate the answer as a stream."""
        ...


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    """A request on the provider's wire."""

    body: bytes
    response: ResponseTranslator
    dropped: tuple[str, ...] = ()  # the client's fields left out because that does no harm


class Fate(StrEnum):
    """What a translator does with one field of the client's."""

    CARRIED = "carried"
    DROPPED = "dropped"  # left out, named in a warning: the answer is the same kind of answer
    REFUSED = "refused"  # the request fails (or falls back), naming the field


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the client's wire and its fate; `[]` stands for any index."""

    name: str
    fate: Fate
    note: str = ""  # what it becomes, or when; one clause


def carried(name: str, note: str = "") -> Field:
    return Field(name, Fate.CARRIED, note)


def dropped(name: str, note: str = "") -> Field:
    return Field(name, Fate.DROPPED, note)


def refused(name: str, note: str = "") -> Field:
    return Field(name, Fate.REFUSED, note)


class Translator(Protocol):
    """Translates requests from one wire to another, and the answers back."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """What becomes of each field of the client's; docs/wires.md is made from it."""
        ...

    def translate(self, body: bytes, model: str) -> TranslatedRequest:
        """Translate a client's `body` for `model`, the provider's id of the model.

        Equal prefixes of conversations give equal prefixes of bytes: what comes first in a body
        stays first and keeps its key order, so that providers' prompt caches still hit.

        Raises NotCarried, naming the field, where leaving it out would change the answer, and
        InvalidBody where the body is not valid on the client's own wire.
        """
        ...


class ToChat(Translator, Protocol):
    """From a client's wire to OpenAI's chat, and so the first half of a pair that goes through it.

    A wire that has one reaches every provider's wire that chat is translated to.
    """

    def between(self) -> Translator:
        """The same, for a second translator that reads its chat completions.

        That one knows all fields of the chat wire whatever the model's name is, and of Anthropic's
        `thinking` and `top_k` beside them.
        """
        ...

    def client_name(self, field: str) -> str:
        """The client's name of what the chat wire calls `field`, a path."""
        ...
