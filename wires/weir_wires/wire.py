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
    def answers(self) -> bool:
        """Whether a model is asked for an answer; counting a prompt's tokens asks for none."""
        return self is not Wire.ANTHROPIC_COUNT_TOKENS

    @property
    def operation(self) -> str:
        """What OpenTelemetry's conventions call it (`gen_ai.operation.name`)."""
        return _OPERATIONS.get(self, "chat")

    @property
    def short(self) -> str:
        """The name without its API's: what a ModelBackend's `wires` say."""
        return self.value.partition(".")[2]


_OPERATIONS = {
    Wire.OPENAI_COMPLETIONS: "text_completion",
    Wire.OPENAI_EMBEDDINGS: "embeddings",
    Wire.ANTHROPIC_COUNT_TOKENS: "count_tokens",
}
