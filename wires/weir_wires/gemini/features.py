"""What a model of Google's takes, by its name."""

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"gemini-(?P<major>\d{1,2})(?:\.(?P<minor>\d{1,2}))?")
_NEWEST: Final = 99, 0  # a Gemini without a version, such as gemini-flash-latest
_THINKS: Final = 2, 5
_LEVELS: Final = 3, 0
_NO_THOUGHTS: Final = re.compile(r"image|tts|audio|live|embedding")


@dataclass(frozen=True, slots=True)
class GeminiFeatures:
    """What the endpoint of one model takes."""

    thinks: bool  # takes a thinkingConfig
    levels: bool  # in it a level; else a budget of tokens
    pro: bool  # always thinks, at `low` at least
    lite: bool  # its least budget is higher
    signatures: bool  # refuses calls in its history without a signature, and knows ids of calls
    tools_with_schema: bool  # takes functions and an answer's schema in one request
    penalties: bool  # takes presence and frequency penalties
    system: bool  # takes a system instruction


def gemini_features(model: str) -> GeminiFeatures:
    """What the model of this name takes; any other server's model is taken for the newest."""
    name = model.lower()
    gemma = "gemma" in name
    match = _NAME.search(name)
    version = _version(match)
    thinks = version >= _THINKS and not gemma and _NO_THOUGHTS.search(name) is None
    return GeminiFeatures(
        thinks=thinks,
        levels=version >= _LEVELS,
        pro="pro" in name,
        lite="lite" in name,
        signatures=version >= _LEVELS and not gemma,
        tools_with_schema=version >= _LEVELS,
        penalties=version < _THINKS,
        system=not gemma,
    )


def _version(match: re.Match[str] | None) -> tuple[int, int]:
    return (int(match["major"]), int(match["minor"] or 0)) if match else _NEWEST
