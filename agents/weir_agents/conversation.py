"""Reads a conversation, piece by piece in its order, into the facts of an agent.

Nothing that a client or a tool writes makes it fail, and it takes time in proportion to the pieces.
"""

from collections.abc import Iterable
from typing import Final

from weir_agents.facts import AgentFacts
from weir_agents.harness import NO_MARKS, Marks, is_summary, own_words
from weir_agents.tally import Tally
from weir_agents.text_protocol import calls_in, is_result_text
from weir_agents.turns import Call, Result

MOST_TURNS: Final = 300  # of the model, from the end, that are read in detail
MOST_PIECES: Final = 2000  # messages and results, from the end, that are read in detail


class _Turn:
    """One turn of the model: its messages and calls up to what came back."""

    __slots__ = ("calls", "texts")

    def __init__(self, text: str, calls: Iterable[Call]) -> None:
        self.texts = [text] if text else []
        self.calls = list(calls)

    @property
    def text(self) -> str:
        """What it says."""
        return self.texts[0] if len(self.texts) == 1 else "\n".join(self.texts)


class _User:
    """One message that the user wrote."""

    __slots__ = ()


_USER: Final = _User()
_Piece = _Turn | _User | Result


class ConversationReader:
    """Gathers one conversation; `facts` reads it."""

    __slots__ = ("_by_text", "_compacted", "_pieces", "_typed")

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._typed = False  # there is a typed call or result
        self._by_text = False  # there is a result in a user's message
        self._compacted = False

    def user(self, text: str) -> str | None:
        """Take a message of role user, and return the user's own words in it.

        None where it has none: programs write results, reminders and summaries in the user's place.
        """
        if is_result_text(text) and self._may_answer_text():
            self._by_text = True
            self._pieces.append(Result("", text))
            return None
        own = own_words(text)
        if text and not own.strip():
            self._compacted = self._compacted or is_summary(text)
            return None
        self._pieces.append(_USER)
        return own

    def compacted(self) -> None:
        """Take a mark that earlier turns were replaced by a summary."""
        self._compacted = True

    def assistant(self, text: str, calls: Iterable[Call] = ()) -> None:
        """Take a message of the model; messages in a row are one turn."""
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, _Turn):
            last.calls += calls
            if text:
                last.texts.append(text)
        else:
            last = _Turn(text, calls)
            self._pieces.append(last)
        self._typed = self._typed or bool(last.calls)

    def call(self, call: Call) -> None:
        """Take a call of the model that is a piece of its own."""
        self.assistant("", (call,))

    def result(self, result: Result) -> None:
        """Take what a tool gave back."""
        self._typed = True
        self._pieces.append(result)

    @property
    def active(self) -> bool:
        """Whether this is an agent's conversation: it has a call, a result or a summary."""
        return self._typed or self._by_text or self._compacted

    def facts(self, marks: Marks = NO_MARKS, *, tokens: int = 0) -> AgentFacts:
        """What the conversation says; `tokens` is the prompt's estimate."""
        tally = Tally()
        detailed = self._first_in_detail()
        for number, piece in enumerate(self._pieces):
            if isinstance(piece, _Turn):
                text = piece.text
                by_text = self._by_text and not piece.calls and number >= detailed
                calls = calls_in(text) if by_text else piece.calls
                tally.turn(text, calls, detailed=number >= detailed)
            elif isinstance(piece, _User):
                tally.user()
            else:
                tally.result(piece, detailed=number >= detailed)
        return tally.facts(marks, tokens=tokens, compacted=self._compacted)

    def _may_answer_text(self) -> bool:
        """Whether the last turn may hold a call that is written as text, or a typed one."""
        for piece in reversed(self._pieces[-3:]):
            if isinstance(piece, _Turn):
                return bool(piece.calls) or self._by_text or bool(calls_in(piece.text))
        return False

    def _first_in_detail(self) -> int:
        """The number of the first piece that is read in detail."""
        count = len(self._pieces)
        if count <= MOST_TURNS:
            return 0
        first = max(count - MOST_PIECES, 0)
        turns = 0
        for number in range(count - 1, first - 1, -1):
            if isinstance(self._pieces[number], _Turn):
                turns += 1
                if turns == MOST_TURNS:
                    return number
        return first
