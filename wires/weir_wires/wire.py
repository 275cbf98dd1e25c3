"""The names of wires: what a client speaks, and what a backend's endpoint speaks."""

from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Wire:
    """One request-and-answer format of one API.

    The wires below are those that code refers to by name. A new API makes its own `Wire` in its
    folder; `registry.py` knows them all.
    """

    name: str  # the API's family, a dot, the format
    operation: str = field(default="chat", compare=False)  # OpenTelemetry's gen_ai.operation.name
    answers: bool = field(default=True, compare=False)  # whether a model writes an answer

    OPENAI_CHAT: ClassVar["Wire"]
    OPENAI_RESPONSES: ClassVar["Wire"]
    OPENAI_COMPLETIONS: ClassVar["Wire"]
    OPENAI_EMBEDDINGS: ClassVar["Wire"]
    ANTHROPIC_MESSAGES: ClassVar["Wire"]
    ANTHROPIC_COUNT_TOKENS: ClassVar["Wire"]
    GOOGLE_GEMINI: ClassVar["Wire"]
    GOOGLE_COUNT_TOKENS: ClassVar["Wire"]

    def __str__(self) -> str:
        return self.name

    @property
    def short(self) -> str:
        """The name without its family's: what a ModelBackend's `wires` say."""
        return self.name.partition(".")[2]


Wire.OPENAI_CHAT = Wire("openai.chat")
Wire.OPENAI_RESPONSES = Wire("openai.responses")
Wire.OPENAI_COMPLETIONS = Wire("openai.completions", operation="text_completion")
Wire.OPENAI_EMBEDDINGS = Wire("openai.embeddings", operation="embeddings")
Wire.ANTHROPIC_MESSAGES = Wire("anthropic.messages")
Wire.ANTHROPIC_COUNT_TOKENS = Wire(
    "anthropic.count_tokens", operation="count_tokens", answers=False
)
Wire.GOOGLE_GEMINI = Wire("google.gemini", operation="generate_content")
Wire.GOOGLE_COUNT_TOKENS = Wire(
    "google.gemini_count_tokens", operation="count_tokens", answers=False
)
