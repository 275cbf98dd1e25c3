"""The Responses wire's names of the chat wire's fields, for refusals of a second translator."""

import re
from typing import Final

# A field of the chat wire → its name on the Responses wire; paths within messages have none.
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
    for chat_name, name in _NAMES.items():
        if re.match(rf"{re.escape(chat_name)}(?![\w])", field):
            return name
    return field
