"""Anthropic's and OpenAI's `usage`, translated into one another exactly.

Anthropic's `input_tokens` leave out cached and cache-written tokens; OpenAI's `prompt_tokens`
include them.
"""

from typing import Any

import msgspec


class ThinkingDetails(msgspec.Struct):
    """A part of Anthropic's usage."""

    thinking_tokens: int | None = None


class MessagesUsage(msgspec.Struct):
    """Anthropic's `usage`. In streams it comes in parts, and later numbers replace earlier."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: ThinkingDetails | None = None

    def after(self, earlier: "MessagesUsage | None") -> "MessagesUsage":
        """This one, with what it lacks taken from an earlier one."""
        if earlier is None:
            return self
        return MessagesUsage(
            _first(self.input_tokens, earlier.input_tokens),
            _first(self.output_tokens, earlier.output_tokens),
            _first(self.cache_creation_input_tokens, earlier.cache_creation_input_tokens),
            _first(self.cache_read_input_tokens, earlier.cache_read_input_tokens),
            self.output_tokens_details or earlier.output_tokens_details,
        )


class PromptDetails(msgspec.Struct):
    """A part of OpenAI's usage."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionDetails(msgspec.Struct):
    """A part of OpenAI's usage."""

    reasoning_tokens: int | None = None


class ChatUsage(msgspec.Struct):
    """OpenAI's `usage`, and the field in which some servers report their cache instead."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None


def to_chat(usage: MessagesUsage | None) -> dict[str, Any] | None:
    """Anthropic's usage as OpenAI's; None where there is none."""
    if usage is None:
        return None
    read = _count(usage.cache_read_input_tokens)
    written = _count(usage.cache_creation_input_tokens)
    prompt = _count(usage.input_tokens) + read + written
    output = _count(usage.output_tokens)
    fields: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    details = usage.output_tokens_details
    if details is not None and details.thinking_tokens is not None:
        fields["completion_tokens_details"] = {"reasoning_tokens": _count(details.thinking_tokens)}
    return fields


def to_messages(usage: ChatUsage | None) -> dict[str, Any]:
    """OpenAI's usage as Anthropic's; zeros where there is none, which its clients need."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    details = usage.prompt_tokens_details or PromptDetails()
    prompt = _count(usage.prompt_tokens)
    read = min(_count(_first(details.cached_tokens, usage.prompt_cache_hit_tokens)), prompt)
    written = min(_count(details.cache_write_tokens), prompt - read)
    fields: dict[str, Any] = {
        "input_tokens": prompt - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": _count(usage.completion_tokens),
    }
    reasoned = usage.completion_tokens_details
    if reasoned is not None and reasoned.reasoning_tokens is not None:
        fields["output_tokens_details"] = {"thinking_tokens": _count(reasoned.reasoning_tokens)}
    return fields


def _first(value: int | None, otherwise: int | None) -> int | None:
    return otherwise if value is None else value


def _count(tokens: int | None) -> int:
    return max(tokens or 0, 0)
