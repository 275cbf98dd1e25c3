"""The client speaks Anthropic's messages, the provider OpenAI's chat completions."""

from dataclasses import dataclass

from weir_gateway.domain.request import Request
from weir_wires.messages_to_chat import answer
from weir_wires.messages_to_chat.fields import FIELDS
from weir_wires.messages_to_chat.request import translate
from weir_wires.messages_to_chat.stream import MessageEvents
from weir_wires.translator import Events, Outgoing

__all__ = ["FIELDS", "MessagesToChat"]


@dataclass(frozen=True, slots=True)
class MessagesToChat:
    """See `pair.Pair`."""

    def request(self, request: Request, model: str) -> Outgoing:
        """The request on OpenAI's chat wire; see `pair.Pair`."""
        made = translate(request.body, model)
        return Outgoing(made.body, _Back(), made.dropped)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `pair.Back`."""

    def whole(self, body: bytes) -> bytes:
        """A chat completion as Anthropic's message."""
        return answer.translate(body)

    def events(self) -> Events:
        """Chunks as Anthropic's stream."""
        return MessageEvents()
