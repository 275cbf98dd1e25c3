"""The wires there are: what a client speaks, and what a backend's endpoint speaks."""

from enum import StrEnum


class Wire(StrEnum):
    """One request-answer format of one API."""

    OPENAI_CHAT = "openai.chat"
    OPENAI_RESPONSES = "openai.responses"
    OPENAI_COMPLETIONS = "openai.completions"
    OPENAI_EMBEDDINGS = "openai.embeddings"
    ANTHROPIC_MESSAGES = "anthropic.messages"
    ANTHROPIC_COUNT_TOKENS = "anthropic.count_tokens"

    @property
    def short(self) -> str:
        """The name without its API's: what a ModelBackend's `wires` say."""
        return self.value.partition(".")[2]
