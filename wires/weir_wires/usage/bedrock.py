"""Converse's `usage`: its `inputTokens` leave out what was read from or written to the cache.

A stream tells it once, in its last event.
"""

from typing import Final

from weir_wires.content import Usage
from weir_wires.usage.counts import Fields, as_object, count, count_or_zero, word

_COUNTS: Final = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def read(usage: object, tier: object = None) -> Usage | None:
    """What `usage` and `serviceTier` tell; None where there is no count."""
    fields = as_object(usage)
    if all(count(fields.get(name)) is None for name in _COUNTS):
        return None
    cached = count_or_zero(fields, "cacheReadInputTokens")
    hour = _written_for_an_hour(fields)
    written = max(count_or_zero(fields, "cacheWriteInputTokens"), hour)
    return Usage(
        input=count_or_zero(fields, "inputTokens") + cached + written,
        output=count_or_zero(fields, "outputTokens"),
        cached_input=cached,
        cache_write=written,
        cache_write_1h=hour,
        tier=word(as_object(tier).get("type")),
    )


def _written_for_an_hour(fields: Fields) -> int:
    details = fields.get("cacheDetails")
    entries = map(as_object, details) if isinstance(details, list) else ()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON of any shape
    hours = (entry for entry in entries if entry.get("ttl") == "1h")
    return sum(count_or_zero(entry, "inputTokens") for entry in hours)
