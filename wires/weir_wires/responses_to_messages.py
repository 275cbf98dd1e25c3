"""The client speaks OpenAI's Responses, the provider Anthropic's messages: by way of chat.

Thinking blocks travel signed in a reasoning item's `encrypted_content`, so nothing is lost.
"""

import re
import time
from collections.abc import Callable
from typing import Final

from weir_wires import chat_to_messages, responses_to_chat
from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.compose import Composed, fields
from weir_wires.fields import Field
from weir_wires.responses_to_chat import ResponsesToChat

Clock = Callable[[], float]  # seconds since 1970

# A field of the chat wire by the client's name for it; places within messages have none.
_NAMES: Final = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format.json_object": "text.format",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
    "messages": "input",
}
_PARTS: Final = re.compile(r"^messages\[\]\.content\[\]\.(?P<part>image_url|file|input_audio)")
_PART_NAMES: Final = {"image_url": "input_image", "file": "input_file"}


def client_name(field: str) -> str:
    """The name on the Responses wire of what `field` is on the chat wire."""
    part = _PARTS.match(field)
    if part is not None:
        name = _PART_NAMES.get(part["part"], part["part"])
        return f"input[].content[].{name}{field[part.end() :]}"
    known = next((name for name in _NAMES if re.match(rf"{re.escape(name)}(?![\w])", field)), None)
    return _NAMES[known] if known is not None else field


FIELDS: Final[tuple[Field, ...]] = fields(
    responses_to_chat.FIELDS, chat_to_messages.FIELDS, client_name
)


def responses_to_messages(
    clock: Clock = time.time,
) -> Composed:
    """The pair."""
    near = ResponsesToChat(clock, effort=True)
    return Composed(near, ChatToMessages(clock), client_name)
