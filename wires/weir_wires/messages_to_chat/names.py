"""Anthropic's names of the chat wire's fields, for refusals of a second translator."""

import re
from typing import Final

# A field of the chat wire → its name on Anthropic's; paths within messages mostly have the same.
_NAMES: Final = {
    "max_completion_tokens": "max_tokens",
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
    "prompt_cache_options": "cache_control",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "messages[].tool_calls": "messages[].content[].tool_use",
    "messages[].content[].image_url": "messages[].content[].image",
    "messages[].content[].file": "messages[].content[].document",
}


def client_name(field: str) -> str:
    """The name on Anthropic's wire of what `field` is on the chat wire."""
    for chat_name, name in _NAMES.items():
        if re.match(rf"{re.escape(chat_name)}(?![\w])", field):
            return name
    return field
