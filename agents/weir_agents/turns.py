"""A conversation's pieces, the same on every wire."""

from typing import Final, NamedTuple

READ_CHARS: Final = 2000  # of one result, half of them from its head and half from its tail
_HALF: Final = READ_CHARS // 2


# Named tuples, as a request of many turns makes two a turn and a frozen dataclass takes thrice
# the time.
class Call(NamedTuple):
    """A call of a tool by the model."""

    id: str  # "" where the wire or the client gives none
    name: str
    arguments: str  # JSON, or the text that the tool takes


class Result(NamedTuple):
    """What a tool gave back."""

    call_id: str
    text: str  # whole or cut
    chars: int = -1  # before any cut; -1: `text` is whole
    error: bool | None = None  # the client's own flag, where it gives one


def cut(text: str) -> str:
    """Head and tail of a text, within `READ_CHARS`."""
    if len(text) <= READ_CHARS:
        return text
    return f"{text[:_HALF]}\n{text[-_HALF + 1 :]}"
