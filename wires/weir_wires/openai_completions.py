"""OpenAI's completions as providers speak them: chat's usage and ends, at a path of its own."""

from dataclasses import replace
from typing import Final

from weir_wires.openai_chat import OPENAI_CHAT
from weir_wires.wire import Wire

OPENAI_COMPLETIONS: Final = replace(
    OPENAI_CHAT, wire=Wire.OPENAI_COMPLETIONS, path="/completions", passes=()
)
