"""The client speaks OpenAI's Responses, the provider chat completions."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weir_gateway.domain.request import Request
from weir_wires.responses_to_chat import answer
from weir_wires.responses_to_chat.fields import FIELDS
from weir_wires.responses_to_chat.request import translate
from weir_wires.responses_to_chat.stream import ResponseEvents
from weir_wires.translator import Back, Events, Outgoing

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["FIELDS", "ResponsesToChat"]


@dataclass(frozen=True, slots=True)
class ResponsesToChat:
    """See `pair.Pair`. A response tells when it was made, hence the clock.

    With `effort` every model knows `reasoning_effort`, as where another pair reads it.
    """

    clock: Clock = time.time
    effort: bool = False

    def request(self, request: Request, model: str) -> Outgoing:
        """The request on the chat wire; see `pair.Pair`."""
        made = translate(request.body, model, effort=self.effort)
        back: Back = _Back(self.clock, made.echo)
        return Outgoing(made.body, back, made.dropped)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `pair.Back`."""

    clock: Clock
    echo: Mapping[str, Any]

    def whole(self, body: bytes) -> bytes:
        """A chat completion as a response."""
        return answer.translate(body, int(self.clock()), self.echo)

    def events(self) -> Events:
        """A chat's stream as a response's events."""
        return ResponseEvents(int(self.clock()), self.echo)
