"""`generationConfig` on the chat wire."""

from typing import Any, Final

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.gemini_to_chat.shapes import GenerationConfig, ThinkingConfig
from weir_wires.model_features import takes_reasoning_effort, takes_sampling
from weir_wires.request_body import Body

_AT: Final = "generationConfig."
# Gemini's name → chat's; their meaning is the same.
_SAME: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
_SAMPLING: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_CAMEL: Final = {
    "top_p": "topP",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
# The most tokens of thinking that are as little as an effort; above the last it is `high`.
_EFFORTS: Final = ((0, "none"), (1_024, "low"), (8_192, "medium"))
_REFUSED: Final = {
    "response_logprobs": "responseLogprobs",
    "logprobs": "logprobs",
    "speech_config": "speechConfig",
    "image_config": "imageConfig",
}
_DROPPED: Final = {
    "media_resolution": "mediaResolution",
    "audio_timestamp": "audioTimestamp",
    "routing_config": "routingConfig",
    "enable_enhanced_civic_answers": "enableEnhancedCivicAnswers",
}


def options(config: GenerationConfig, model: str, body: Body, *, chained: bool) -> dict[str, Any]:
    """All but the answer's format; `chained`: for a second translator, with its own fields."""
    _refuse(config)
    for name, own in _DROPPED.items():
        if getattr(config, name) is not None:
            body.drop(_AT + own)
    fields = _limit(config, model) | _sampling(config, model, body, chained=chained)
    fields |= {"stop": config.stop_sequences} if config.stop_sequences else {}
    if config.candidate_count not in {None, 1}:
        fields["n"] = config.candidate_count
    effort = _effort(config.thinking_config or ThinkingConfig())
    if effort is None:
        return fields
    if chained or takes_reasoning_effort(model):
        return fields | {"reasoning_effort": effort if chained or effort != "none" else "low"}
    body.drop(f"{_AT}thinkingConfig")
    return fields


def _refuse(config: GenerationConfig) -> None:
    """Raise NotCarried for the first field that asks for what chat can't do."""
    for name, own in _REFUSED.items():
        if getattr(config, name) not in {None, False}:
            raise NotCarried(f"`{_AT}{own}` can't be carried to this model", param=_AT + own)
    modalities = [modality.upper() for modality in config.response_modalities or ()]
    if modalities not in ([], ["TEXT"]):
        at = f"{_AT}responseModalities"
        raise NotCarried(f"`{at}`: only text can be carried", param=at)


def _limit(config: GenerationConfig, model: str) -> dict[str, int]:
    limit = config.max_output_tokens
    if limit is None:
        return {}
    if limit < 1:
        at = f"{_AT}maxOutputTokens"
        raise InvalidBody(f"`{at}` must be at least 1", param=at)
    return {"max_completion_tokens" if takes_reasoning_effort(model) else "max_tokens": limit}


def _sampling(config: GenerationConfig, model: str, body: Body, *, chained: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, own in _SAME.items():
        value = getattr(config, name)
        if value is None:
            continue
        if name in _SAMPLING and not chained and not takes_sampling(model):
            body.drop(_AT + _CAMEL.get(name, name))
            continue
        fields[own] = value
    if config.top_k is not None and chained:
        fields["top_k"] = int(config.top_k)
    elif config.top_k is not None:
        body.drop(f"{_AT}topK")
    return fields


def _effort(thinking: ThinkingConfig) -> str | None:
    level = (thinking.thinking_level or "").lower()
    if level and level != "thinking_level_unspecified":
        return level
    budget = thinking.thinking_budget
    if budget is None or budget < 0:  # it decides itself
        return None
    return next((effort for most, effort in _EFFORTS if budget <= most), "high")
