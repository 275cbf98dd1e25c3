"""Counts of tokens as providers tell them, made fit to be added up. Must not know wires."""

from typing import Final, TypeVar

import msgspec

from weir_wires.translator import Unreadable

T = TypeVar("T")

MOST_TOKENS: Final = 10**9  # one answer may tell of; past that a provider's number is nonsense


def tokens(told: int | None) -> int:
    """A count within bounds; 0 where none is told."""
    return min(max(told or 0, 0), MOST_TOKENS)


def whole(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | None:
    """A whole answer decoded; None where it is JSON of another form.

    Raises Unreadable where it is no JSON: it was cut off, or never was an answer.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"its answer is not JSON: {error}") from error


def part(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T | None:
    """An event's data decoded; None where it can't be."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
