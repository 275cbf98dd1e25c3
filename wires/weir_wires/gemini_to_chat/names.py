"""Gemini's names of the chat wire's fields, for refusals of a second translator."""

import re
from typing import Final

_CONFIG: Final = "generationConfig."
# A field of the chat wire → its name on Gemini's.
_NAMES: Final = {
    "max_tokens": f"{_CONFIG}maxOutputTokens",
    "max_completion_tokens": f"{_CONFIG}maxOutputTokens",
    "temperature": f"{_CONFIG}temperature",
    "top_p": f"{_CONFIG}topP",
    "top_k": f"{_CONFIG}topK",
    "stop": f"{_CONFIG}stopSequences",
    "n": f"{_CONFIG}candidateCount",
    "seed": f"{_CONFIG}seed",
    "presence_penalty": f"{_CONFIG}presencePenalty",
    "frequency_penalty": f"{_CONFIG}frequencyPenalty",
    "response_format": f"{_CONFIG}responseMimeType",
    "reasoning_effort": f"{_CONFIG}thinkingConfig",
    "thinking": f"{_CONFIG}thinkingConfig",
    "tools": "tools[].functionDeclarations",
    "tool_choice": "toolConfig",
    "messages[].content[].image_url": "contents[].parts[].inlineData",
    "messages[].content[].file": "contents[].parts[].inlineData",
    "messages[].content[].input_audio": "contents[].parts[].inlineData",
    "messages": "contents",
}


def client_name(field: str) -> str:
    """The name on Gemini's wire of what `field` is on the chat wire."""
    for chat_name, name in _NAMES.items():
        if re.match(rf"{re.escape(chat_name)}(?![\w])", field):
            return name
    return field
