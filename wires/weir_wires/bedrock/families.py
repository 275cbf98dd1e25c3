"""What a model of Bedrock takes beside Converse's own fields, as its id shows.

The ids of application inference profiles and of imported models show nothing.
"""

import re
from enum import Enum, auto
from typing import Any, Final


class Family(Enum):
    """Models that take the same additional fields."""

    CLAUDE = auto()
    NOVA = auto()
    NOVA_2 = auto()  # thinks by effort
    GPT_OSS = auto()
    MISTRAL = auto()
    OTHER = auto()
    HIDDEN = auto()  # an ARN that doesn't name its model


_FAMILIES: Final = (
    (re.compile(r"claude"), Family.CLAUDE),
    (re.compile(r"nova-(?:[2-9]|\d\d)"), Family.NOVA_2),
    (re.compile(r"nova"), Family.NOVA),
    (re.compile(r"gpt-oss|openai\."), Family.GPT_OSS),
    (re.compile(r"mistral|pixtral|magistral"), Family.MISTRAL),
    (re.compile(r"^arn:"), Family.HIDDEN),
)
_CACHES: Final = frozenset({Family.CLAUDE, Family.NOVA, Family.NOVA_2, Family.HIDDEN})
_HIGH: Final = "high"
_LEVELS: Final = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": _HIGH,
    "xhigh": _HIGH,
    "max": _HIGH,
}


def family(model: str) -> Family:
    """The family of a model's id, inference profile or ARN."""
    name = model.lower()
    return next((found for pattern, found in _FAMILIES if pattern.search(name)), Family.OTHER)


def takes_cache_points(model: str) -> bool:
    """Whether the model takes `cachePoint`: others refuse it."""
    return family(model) in _CACHES


def top_k(model: str, value: int) -> dict[str, Any] | None:
    """`top_k` as an additional field; None where the model has none."""
    kind = family(model)
    if kind in {Family.CLAUDE, Family.MISTRAL}:
        return {"top_k": value}
    if kind in {Family.NOVA, Family.NOVA_2}:
        return {"inferenceConfig": {"topK": value}}
    return None


def effort(model: str, wanted: str, *, bounded: bool) -> dict[str, Any] | None:
    """Reasoning by effort as an additional field; None where the model takes no effort there.

    Nova's high effort takes no bound of tokens: a request that is `bounded` gets a medium one.
    """
    kind, level = family(model), _LEVELS.get(wanted)
    if kind is Family.NOVA_2:
        if level is None:
            return {"reasoningConfig": {"type": "disabled"}}
        level = "medium" if bounded and level == _HIGH else level
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}
    return {"reasoning_effort": level} if kind is Family.GPT_OSS and level is not None else None


def unbounded(fields: dict[str, Any]) -> bool:
    """Whether these additional fields take no sampling beside them: Nova's high effort."""
    config: dict[str, Any] = fields.get("reasoningConfig", {})
    return config.get("maxReasoningEffort") == _HIGH
