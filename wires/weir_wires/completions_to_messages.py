"""The client speaks OpenAI's legacy completions, the provider Anthropic's messages: by chat."""

import time
from collections.abc import Callable
from typing import Final

from weir_wires import chat_to_messages, completions_to_chat
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.completions_to_chat import CompletionsToChat
from weir_wires.compose import Composed, fields
from weir_wires.fields import Field

Clock = Callable[[], float]  # seconds since 1970


def client_name(field: str) -> str:
    """The name on the legacy wire of what `field` is on the chat wire."""
    if field.startswith("messages"):
        return "prompt"
    return "max_tokens" if field == "max_completion_tokens" else field


FIELDS: Final[tuple[Field, ...]] = fields(
    completions_to_chat.FIELDS, chat_to_messages.FIELDS, client_name
)


def completions_to_messages(clock: Clock = time.time) -> Composed:
    """The pair."""
    return Composed(CompletionsToChat(clock), ChatToMessages(clock), client_name)
