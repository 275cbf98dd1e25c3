"""What was said in a request and in its answer, whatever the wire. Must not know wires."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool, as the model wrote it."""

    name: str
    arguments: str  # JSON, where the model wrote it well


@dataclass(frozen=True, slots=True)
class Said:
    """An answer's words and calls."""

    text: str
    calls: tuple[ToolCall, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to judge."""
        return not self.calls and not self.text.strip()


class Asks(StrEnum):
    """What a judge is asked."""

    GOOD = "good"  # is this answer good?
    HARD = "hard"  # how hard is this request?


@dataclass(frozen=True, slots=True)
class Question:
    """What a judge is told and asked; user text stands in it between fences."""

    asks: Asks
    rules: str  # the system prompt
    text: str
