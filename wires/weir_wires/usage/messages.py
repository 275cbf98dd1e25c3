"""Anthropic's `usage`: its `input_tokens` leave out what was read from or written to the cache.

In a stream the first event tells the input and a later one the answer. Some servers repeat the
input there as 0, so each count is the largest that was told.
"""

from typing import Any, Final

from weir_wires.content import Usage
from weir_wires.usage.counts import as_object, count, count_or_zero, object_in, tool_calls, word

_COUNTS: Final = (
    ("input_tokens",),
    ("output_tokens",),
    ("cache_read_input_tokens",),
    ("cache_creation_input_tokens",),
    ("cache_creation", "ephemeral_1h_input_tokens"),
    ("cache_creation", "ephemeral_5m_input_tokens"),
    ("output_tokens_details", "thinking_tokens"),
)
_TOOLS: Final = "server_tool_use"


class MessagesUsage:
    """The usage of one answer, as far as it was told."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._tools: dict[str, int] = {}
        self._tier = ""

    def add(self, usage: object) -> None:
        """Take note of one `usage`; anything that isn't one is skipped."""
        fields = as_object(usage)
        for path in _COUNTS:
            within = object_in(fields, *path[:-1]) if len(path) > 1 else fields
            _raise(self._counts, path[-1], count(within.get(path[-1])))
        used = object_in(fields, _TOOLS)
        for name in used:
            _raise(self._tools, name, count(used[name]))
        tier = "fast" if fields.get("speed") == "fast" else word(fields.get("service_tier"))
        self._tier = tier or self._tier

    @property
    def usage(self) -> Usage | None:
        """What was told; None where no count was."""
        reported = self._counts
        if not reported:
            return None
        read = count_or_zero(reported, "cache_read_input_tokens")
        hour = count_or_zero(reported, "ephemeral_1h_input_tokens")
        parts = hour + count_or_zero(reported, "ephemeral_5m_input_tokens")
        written = max(count_or_zero(reported, "cache_creation_input_tokens"), parts)
        thinking = count_or_zero(reported, "thinking_tokens")
        output = max(count_or_zero(reported, "output_tokens"), thinking)
        return Usage(
            input=count_or_zero(reported, "input_tokens") + read + written,
            output=output,
            cached_input=read,
            cache_write=written,
            cache_write_1h=hour,
            reasoning=thinking,
            server_tools=tool_calls(self._tools.items()),
            tier=self._tier,
        )


def read(usage: object) -> Usage | None:
    """What a whole answer's `usage` tells; None where it has no count."""
    reported = MessagesUsage()
    reported.add(usage)
    return reported.usage


def write(usage: Usage | None) -> dict[str, Any]:
    """The `usage` of a message; zeros where there is none, which its clients need."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    fields: dict[str, Any] = {
        "input_tokens": usage.input - usage.cached_input - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached_input,
        "output_tokens": usage.output,
    }
    if usage.cache_write_1h:
        fields["cache_creation"] = {
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
            "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_1h,
        }
    if usage.reasoning:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return fields | ({_TOOLS: dict(usage.server_tools)} if usage.server_tools else {})


def _raise(counts: dict[str, int], name: str, reported: int | None) -> None:
    if reported is not None:
        counts[name] = max(reported, counts.get(name, 0))
