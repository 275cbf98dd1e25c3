"""The client speaks OpenAI's legacy completions, the provider Anthropic's messages: by chat."""

from typing import Final

from weir_gateway.domain.wire import Wire
from weir_gateway.wires import chat_to_messages, completions_to_chat
from weir_gateway.wires.chat_to_messages import ChatToMessages
from weir_gateway.wires.completions_to_chat import CompletionsToChat
from weir_gateway.wires.compose import Composed, fields
from weir_gateway.wires.fields import Field


def client_name(field: str) -> str:
    """The name on the legacy wire of what `field` is on the chat wire."""
    if field.startswith("messages"):
        return "prompt"
    return "max_tokens" if field == "max_completion_tokens" else field


FIELDS: Final[tuple[Field, ...]] = fields(
    completions_to_chat.FIELDS, chat_to_messages.FIELDS, client_name
)


def completions_to_messages(
    near: CompletionsToChat | None = None, far: ChatToMessages | None = None
) -> Composed:
    """The pair; its clocks are those of the two it is made of."""
    return Composed(
        near or CompletionsToChat(), far or ChatToMessages(), Wire.OPENAI_CHAT, client_name
    )
