"""The client speaks OpenAI's legacy completions, the provider chat completions."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from weir_gateway.domain.request import Request
from weir_wires.completions_to_chat import answer
from weir_wires.completions_to_chat.fields import FIELDS
from weir_wires.completions_to_chat.request import translate
from weir_wires.translator import Back, Events, Outgoing

Clock = Callable[[], float]  # seconds since 1970

__all__ = ["FIELDS", "CompletionsToChat"]


@dataclass(frozen=True, slots=True)
class CompletionsToChat:
    """See `pair.Pair`. A completion tells when it was made, hence the clock."""

    clock: Clock = time.time

    def request(self, request: Request, model: str) -> Outgoing:
        """The request on the chat wire; see `pair.Pair`."""
        made = translate(request.body, model)
        back: Back = _Back(self.clock)
        return Outgoing(made.body, back, made.dropped)


@dataclass(frozen=True, slots=True)
class _Back:
    """See `pair.Back`."""

    clock: Clock

    def whole(self, body: bytes) -> bytes:
        """A chat completion as a legacy one."""
        return answer.translate(body, int(self.clock()))

    def events(self) -> Events:
        """A chat's stream as that of a legacy completion."""
        return answer.CompletionChunks(int(self.clock()))
