"""OpenAI's `usage`, as its own API and the many servers that follow it tell it.

Chat, legacy completions and embeddings call the counts `prompt_tokens` and `completion_tokens`;
Responses calls them `input_tokens` and `output_tokens`. Other servers add fields of their own for
the prompt's cache, and some leave reasoning out of the answer's tokens; `total_tokens` shows it.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from weir_wires.content import Usage
from weir_wires.usage.counts import (
    Fields,
    as_object,
    count_or_zero,
    first_count,
    object_in,
    tool_calls,
    word,
)

_INPUT: Final = ("prompt_tokens", "input_tokens")
_OUTPUT: Final = ("completion_tokens", "output_tokens")
_INPUT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS: Final = (
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
)
# Where servers tell what they read from the prompt's cache, if not in the details.
_CACHED: Final = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
_WRITTEN: Final = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_BY_AGE: Final = "cache_creation_token_details"  # gateways in front of Anthropic
_REASONING: Final = ("reasoning_tokens",)
_SEARCHES: Final = ("num_search_queries", "num_sources_used")


class Choice(Protocol):
    """One of `choices`; some servers tell the usage here."""

    usage: Any


class ChatAnswer(Protocol):
    """What a completion or a chunk must have for its usage to be read."""

    usage: Any
    x_groq: Any  # where one provider tells the usage of its streams
    service_tier: Any

    @property
    def choices(self) -> Sequence[Choice] | None:
        """As they stand in the answer."""
        ...


def read(usage: object, tier: object = None) -> Usage | None:
    """What `usage` tells; None where it has no count. `tier` stands beside it in the answer."""
    fields = as_object(usage)
    if not fields:  # as in most events of a stream
        return None
    total = first_count(fields, "total_tokens")
    prompt = _prompt(fields, total)
    if prompt is None:
        return None
    details, answered = object_in(fields, *_INPUT_DETAILS), object_in(fields, *_OUTPUT_DETAILS)
    cached = _either(details, ("cached_tokens",), fields, _CACHED)
    written = _either(details, _WRITTEN, fields, _WRITTEN)
    reasoning = _either(answered, _REASONING, fields, _REASONING)
    prompt = _whole_prompt(fields, total, prompt, (cached + written, reasoning))
    output = _output(fields, total, prompt, reasoning)
    cached = min(cached, prompt)
    written = min(written, prompt - cached)
    hour = count_or_zero(object_in(details, _BY_AGE), "ephemeral_1h_input_tokens")
    return Usage(
        input=prompt,
        output=output,
        cached_input=cached,
        cache_write=written,
        cache_write_1h=min(hour, written),
        reasoning=min(reasoning, output),
        audio_input=min(count_or_zero(details, "audio_tokens"), prompt),
        audio_output=min(count_or_zero(answered, "audio_tokens"), output),
        image_input=min(count_or_zero(details, "image_tokens"), prompt),
        image_output=min(count_or_zero(answered, "image_tokens"), output),
        server_tools=_tools(fields),
        tier=word(tier),
    )


def read_chat(answer: ChatAnswer) -> Usage | None:
    """The usage of a completion or a chunk, in the first of the places where servers tell it."""
    reported = answer.usage or as_object(answer.x_groq).get("usage")
    usage = read(reported, answer.service_tier) if reported else None
    for choice in answer.choices or ():
        if usage is None and choice.usage:
            usage = read(choice.usage, answer.service_tier)
    return usage


def write_chat(usage: Usage) -> dict[str, Any]:
    """The `usage` of a chat completion."""
    prompt: dict[str, int] = {
        "cached_tokens": usage.cached_input,
        "cache_write_tokens": usage.cache_write,
    }
    prompt |= _non_zero(audio_tokens=usage.audio_input, image_tokens=usage.image_input)
    answer = _non_zero(
        reasoning_tokens=usage.reasoning,
        audio_tokens=usage.audio_output,
        image_tokens=usage.image_output,
    )
    fields: dict[str, Any] = {**_headline(usage), "prompt_tokens_details": prompt}
    return fields | ({"completion_tokens_details": answer} if answer else {})


def write_completion(usage: Usage, reported: object) -> dict[str, Any]:
    """The `usage` of a legacy completion: as `reported`, with the counts that are billed."""
    return {**as_object(reported), **_headline(usage)}


def write_responses(usage: Usage) -> dict[str, Any]:
    """The `usage` of a response."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _prompt(fields: Fields, total: int | None) -> int | None:
    reported = first_count(fields, *_INPUT)
    if reported is not None:
        return reported
    output = first_count(fields, *_OUTPUT)
    hit, missed = (first_count(fields, f"prompt_cache_{which}_tokens") for which in ("hit", "miss"))
    if hit is not None or missed is not None:
        return (hit or 0) + (missed or 0)
    if total is not None:
        return max(total - (output or 0), 0)
    return None if output is None else 0


def _either(
    details: Fields, names: tuple[str, ...], fields: Fields, otherwise: tuple[str, ...]
) -> int:
    """The count in the details; else the one beside the other counts; else 0."""
    reported = first_count(details, *names)
    return count_or_zero(fields, *otherwise) if reported is None else reported


def _whole_prompt(fields: Fields, total: int | None, prompt: int, parts: tuple[int, int]) -> int:
    """The prompt with its cache: some servers leave it out, as Anthropic and Bedrock do.

    It is then what `total_tokens` has more; `parts` are the cache's tokens and the reasoning's.
    """
    cache, reasoning = parts
    output = first_count(fields, *_OUTPUT)
    if total is None or output is None or cache in {0, reasoning}:
        return prompt
    return prompt + cache if total == prompt + output + cache else prompt


def _output(fields: Fields, total: int | None, prompt: int, reasoning: int) -> int:
    """The answer's tokens with its reasoning.

    Some servers leave the reasoning out: it is what `total_tokens` has more than the two other
    counts, or more than the whole answer would have.
    """
    reported = first_count(fields, *_OUTPUT)
    if reported is None:
        return max((total or 0) - prompt, reasoning)
    if total is not None and total > prompt + reported:
        return total - prompt
    return reported + reasoning if reasoning > reported else reported


def _tools(fields: Fields) -> tuple[tuple[str, int], ...]:
    counted = [(name, first_count(fields, name)) for name in _SEARCHES]
    used = object_in(fields, "server_tool_use", "server_side_tool_usage_details")
    return tool_calls([*counted, *((name, first_count(used, name)) for name in used)])


def _headline(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }


def _non_zero(**counts: int) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}
