"""Gemini's `usageMetadata`: the cached part is in its prompt, thoughts are beside the answer.

Every event of a stream repeats the counts so far.
"""

from collections.abc import Iterable
from typing import Any, Final

from weir_wires.content import Usage
from weir_wires.usage.counts import (
    Fields,
    as_object,
    count,
    count_or_zero,
    first_count,
    word,
)

_AUDIO: Final = "AUDIO"
_IMAGE: Final = "IMAGE"
_PROMPT, _ANSWER, _THOUGHTS = "promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"
_TOOLS: Final = "toolUsePromptTokenCount"
_TOTAL: Final = "totalTokenCount"
_ANSWER_DETAILS: Final = ("candidatesTokensDetails", "responseTokensDetails")


def read(metadata: object) -> Usage | None:
    """What it counts; None where it has no count."""
    fields = as_object(metadata)
    if first_count(fields, _PROMPT, _ANSWER, _THOUGHTS, _TOTAL) is None:
        return None
    total = count_or_zero(fields, _TOTAL)
    answer = count_or_zero(fields, _ANSWER, "responseTokenCount")
    thoughts, tools = count_or_zero(fields, _THOUGHTS), count_or_zero(fields, _TOOLS)
    prompt = first_count(fields, _PROMPT)
    if prompt is None:  # some servers leave out one of the counts, but not the total
        prompt = max(total - tools - answer - thoughts, 0)
    # Some versions of the API count the thoughts among the answer's tokens; the total shows it.
    within = thoughts <= answer and total == prompt + tools + answer
    output = answer if within else answer + thoughts
    cached = count_or_zero(fields, "cachedContentTokenCount")
    return Usage(
        input=prompt + tools,
        output=output,
        cached_input=min(cached, prompt),
        reasoning=min(thoughts, output),
        audio_input=min(_of(_AUDIO, fields, "promptTokensDetails"), prompt),
        audio_output=min(_of(_AUDIO, fields, *_ANSWER_DETAILS), output),
        image_input=min(_of(_IMAGE, fields, "promptTokensDetails"), prompt),
        image_output=min(_of(_IMAGE, fields, *_ANSWER_DETAILS), output),
        tier=word(fields.get("serviceTier")).lower(),
    )


def write(usage: Usage) -> dict[str, Any]:
    """The counts as Gemini's clients read them."""
    fields: dict[str, Any] = {
        _PROMPT: usage.input,
        _ANSWER: usage.output - usage.reasoning,
        _TOTAL: usage.input + usage.output,
    }
    fields |= {"cachedContentTokenCount": usage.cached_input} if usage.cached_input else {}
    fields |= {_THOUGHTS: usage.reasoning} if usage.reasoning else {}
    return fields


def _of(modality: str, fields: Fields, *names: str) -> int:
    """The tokens of one modality, where they are told apart."""
    return sum(
        count(entry.get("tokenCount")) or 0
        for name in names
        for entry in map(as_object, _entries(fields.get(name)))
        if entry.get("modality") == modality
    )


def _entries(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
