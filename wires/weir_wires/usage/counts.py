"""Counts in a provider's JSON, read with patience: what is no number is not told, and no error."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from weir_wires.content import MAX_TOKENS, Usage

Fields = Mapping[str, Any]
NO_FIELDS: Final[Fields] = {}
_MAX_DIGITS: Final = 12  # more than MAX_TOKENS has
_MAX_TOOLS: Final = 64  # names of tools in one answer
_MAX_NAME: Final = 64  # characters of a tier or a tool's name


def as_object(value: object) -> Fields:
    """`value` where it is an object; an empty one where it isn't."""
    return value if isinstance(value, dict) else NO_FIELDS  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def object_in(fields: Fields, *names: str) -> Fields:
    """The first of `fields[names]` that is an object with fields; an empty one where none is."""
    return next(filter(None, (as_object(fields.get(name)) for name in names)), NO_FIELDS)


def count(value: object) -> int | None:
    """A count within [0, MAX_TOKENS]; None where `value` is no number.

    Servers write whole numbers as 12, as 12.0 and as "12".
    """
    if isinstance(value, str) and value.isdecimal() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(min(max(value, 0), MAX_TOKENS))


def first_count(fields: Fields, *names: str) -> int | None:
    """The first of `fields[names]` that is a count."""
    for name in names:
        reported = count(fields.get(name))
        if reported is not None:
            return reported
    return None


def count_or_zero(fields: Fields, *names: str) -> int:
    """The first of `fields[names]` that is a count; 0 where none is told."""
    return first_count(fields, *names) or 0


def word(value: object) -> str:
    """A short word such as a tier of service; empty where `value` is none."""
    return value[:_MAX_NAME] if isinstance(value, str) else ""


def tool_calls(counted: Iterable[tuple[str, int | None]]) -> tuple[tuple[str, int], ...]:
    """The calls of a provider's own tools, without those that were not called."""
    calls = {name[:_MAX_NAME]: number for name, number in counted if number}
    return tuple(sorted(calls.items())[:_MAX_TOOLS])


def grown(earlier: Usage | None, later: Usage | None) -> Usage | None:
    """What both tell of one stream: the larger of each count, because counts never fall."""
    if earlier is None or later is None:
        return later or earlier
    cached = max(earlier.cached_input, later.cached_input)
    written = max(earlier.cache_write, later.cache_write)
    return Usage(
        input=max(earlier.input, later.input, cached + written),
        output=max(earlier.output, later.output),
        cached_input=cached,
        cache_write=written,
        cache_write_1h=max(earlier.cache_write_1h, later.cache_write_1h),
        reasoning=max(earlier.reasoning, later.reasoning),
        audio_input=max(earlier.audio_input, later.audio_input),
        audio_output=max(earlier.audio_output, later.audio_output),
        image_input=max(earlier.image_input, later.image_input),
        image_output=max(earlier.image_output, later.image_output),
        server_tools=_more_calls(earlier.server_tools, later.server_tools),
        tier=later.tier or earlier.tier,
    )


def _more_calls(
    earlier: tuple[tuple[str, int], ...], later: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, int], ...]:
    calls = dict(earlier)
    for name, number in later:
        calls[name] = max(number, calls.get(name, 0))
    return tool_calls(calls.items())
