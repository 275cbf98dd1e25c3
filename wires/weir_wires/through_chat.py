"""Translators that go through OpenAI's chat: from its other wires to Anthropic's messages.

Thinking blocks travel signed in a reasoning item's `encrypted_content`, so nothing is lost.
"""

import re
import time
from collections.abc import Callable
from typing import Final

from weir_wires.chat_to_messages import ChatToMessages
from weir_wires.completions_to_chat import CompletionsToChat
from weir_wires.composed import ComposedTranslator
from weir_wires.responses_to_chat import ResponsesToChat

Clock = Callable[[], float]  # seconds since 1970

# A field of the chat wire → its name on the Responses wire; paths within messages have none.
_RESPONSES_NAMES: Final = {
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


def responses_to_messages(clock: Clock = time.time) -> ComposedTranslator:
    near = ResponsesToChat(clock, effort=True)
    return ComposedTranslator(near, ChatToMessages(clock), responses_name)


def completions_to_messages(clock: Clock = time.time) -> ComposedTranslator:
    return ComposedTranslator(CompletionsToChat(clock), ChatToMessages(clock), completions_name)


def responses_name(field: str) -> str:
    """The name on the Responses wire of what `field` is on the chat wire."""
    part = _PARTS.match(field)
    if part is not None:
        name = _PART_NAMES.get(part["part"], part["part"])
        return f"input[].content[].{name}{field[part.end() :]}"
    for chat_name, name in _RESPONSES_NAMES.items():
        if re.match(rf"{re.escape(chat_name)}(?![\w])", field):
            return name
    return field


def completions_name(field: str) -> str:
    """The name on the legacy completions wire of what `field` is on the chat wire."""
    if field.startswith("messages"):
        return "prompt"
    return "max_tokens" if field == "max_completion_tokens" else field
