"""Which call each piece of a stream belongs to, by id and by index.

Servers number calls, or give each a new index of 0; tell an id in the first piece, in all, late or
never; and some send the pieces of two calls in turn. An index alone or an id alone misleads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from weir_wires.chat_answer.shapes import ToolCall

_WHOLE: Final = msgspec.json.Decoder(msgspec.Raw)
_NO_ARGUMENTS: Final = "{}"
_ENDS: Final = ("}", "]", '"')


@dataclass(slots=True, eq=False)
class Call:
    """One call, as far as it has come."""

    number: int  # among the answer's calls
    index: int | None  # as its server numbers it
    id: str = ""
    name: str = ""
    extras: dict[str, Any] = field(default_factory=dict[str, Any])
    _pieces: list[str] = field(default_factory=list[str])  # of its arguments
    _withheld: bool = False  # `{}` has come first: some servers send the true arguments after it

    @property
    def arguments(self) -> str:
        return _NO_ARGUMENTS if self._withheld else "".join(self._pieces)

    @property
    def sent(self) -> str:
        """The arguments but for what is held back."""
        return "".join(self._pieces)

    @property
    def nameless(self) -> bool:
        """Whether it says something and never told its name."""
        return not self.name and bool(self.id or self.arguments.strip())

    @property
    def begun(self) -> bool:
        """Whether arguments have come, so that the name is whole."""
        return self._withheld or bool(self._pieces)

    @property
    def whole(self) -> bool:
        """Whether its arguments are JSON to the end, so that none can be missing."""
        if not self._pieces or not self._pieces[-1].rstrip().endswith(_ENDS):
            return self._withheld
        try:
            _WHOLE.decode(self.arguments.encode("utf-8", "surrogatepass"))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def rest(self) -> str:
        """What was held back of its arguments, now that nothing more comes."""
        if not self._withheld:
            return ""
        self._withheld = False
        self._pieces.append(_NO_ARGUMENTS)
        return _NO_ARGUMENTS

    def add(self, piece: ToolCall) -> str:
        """Take a piece; returns what it adds to the arguments."""
        self.id = self.id or piece.id or ""
        self.extras |= piece.extras
        if piece.name and (not self.begun or not self.name):
            grown = piece.name.startswith(self.name)  # told again, perhaps longer
            self.name = piece.name if grown else self.name + piece.name
        added = piece.arguments
        if self.whole and (added == self.arguments or not added.strip()):
            return ""  # some servers end with the whole call again
        if not self.begun and added == _NO_ARGUMENTS:
            self._withheld = True
            return ""
        if self._withheld:
            self._withheld = False
            added = added if added.lstrip().startswith("{") else _NO_ARGUMENTS + added
        if added:
            self._pieces.append(added)
        return added


class CallPieces:
    """Gathers the calls of one answer."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def take(self, pieces: Sequence[ToolCall]) -> list[tuple[Call, str]]:
        """The calls that the pieces of one chunk belong to, and what each adds to its arguments."""
        several = len(pieces) > 1
        return [
            self._take(piece, position if several else None)
            for position, piece in enumerate(pieces)
        ]

    def _take(self, piece: ToolCall, position: int | None) -> tuple[Call, str]:
        index = piece.index if piece.index is not None else position
        call = self._by_id(piece, index) if piece.id else self._by_index(piece, index)
        if call is None:
            call = Call(len(self.calls), index)
            self.calls.append(call)
        return call, call.add(piece)

    def _by_id(self, piece: ToolCall, index: int | None) -> Call | None:
        """The call of a piece with an id; None where it begins another."""
        same = [call for call in reversed(self.calls) if call.id == piece.id]
        exact = next((call for call in same if index is None or call.index == index), None)
        if exact is not None:
            return None if _begins_another(exact, piece) else exact
        if same:
            return None if piece.name else same[0]
        known = self._latest(index)
        if known is not None and not known.name:
            return known
        if known is None or (known.whole and _says_something(piece)):
            return None
        if not known.id:  # its id comes late
            return known if piece.name in {"", known.name} else None
        # A server that makes up an id for every piece tells the name once.
        return None if piece.name else known

    def _by_index(self, piece: ToolCall, index: int | None) -> Call | None:
        """The call of a piece without an id; None where it begins another."""
        known = self._latest(index)
        if known is None or not piece.name or (known.begun and not known.name):
            return known
        if known.whole:
            return None if _begins_another(known, piece) or not piece.arguments else known
        repeated = piece.name == known.name and known.begun
        if index is None and known.name and not repeated:
            return None
        return known if repeated or not known.begun else None

    def _latest(self, index: int | None) -> Call | None:
        """The call that began last, of those with this index."""
        calls = (call for call in reversed(self.calls) if index is None or call.index == index)
        return next(calls, None)


def _begins_another(call: Call, piece: ToolCall) -> bool:
    """Whether a server gives the place of a call that is whole to the next one."""
    repeated = piece.name == call.name and piece.arguments == call.arguments
    return call.whole and bool(piece.name and piece.arguments) and not repeated


def _says_something(piece: ToolCall) -> bool:
    return bool(piece.name or piece.arguments.strip())
