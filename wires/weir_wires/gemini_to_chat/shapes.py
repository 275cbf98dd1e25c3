"""What a request of Gemini's asks for beside its contents, as its API writes it."""

from typing import Any

import msgspec

ABSENT = msgspec.Raw(b"")


class Declaration(msgspec.Struct, rename="camel"):
    """One function offered."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    parameters_json_schema: msgspec.Raw = ABSENT


class CallingConfig(msgspec.Struct, rename="camel"):
    """Which functions the model may or must call."""

    mode: str | None = None
    allowed_function_names: list[str] | None = None


class ToolConfig(msgspec.Struct, rename="camel"):
    """`toolConfig`."""

    function_calling_config: CallingConfig | None = None


class ThinkingConfig(msgspec.Struct, rename="camel"):
    """How much to think."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(msgspec.Struct, rename="camel"):
    """`generationConfig`, but for what is carried under another name as it is."""

    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    candidate_count: int | None = None
    response_mime_type: str | None = None
    response_schema: msgspec.Raw = ABSENT
    response_json_schema: msgspec.Raw = ABSENT
    thinking_config: ThinkingConfig | None = None
    response_modalities: list[str] | None = None
    response_logprobs: Any = None
    logprobs: Any = None
    speech_config: Any = None
    image_config: Any = None
    enable_enhanced_civic_answers: Any = None
    audio_timestamp: Any = None
    media_resolution: Any = None
    routing_config: Any = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
