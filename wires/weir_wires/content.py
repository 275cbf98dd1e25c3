"""What a request asks and an answer says, whatever the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool, as the model wrote it."""

    name: str
    arguments: str  # JSON, where the model wrote it well


def joined_calls(calls: Mapping[int, Sequence[str]]) -> tuple[ToolCall, ...]:
    """A stream's calls in order; by index, each a name and its arguments."""
    return tuple(ToolCall(*calls[index]) for index in sorted(calls))


@dataclass(frozen=True, slots=True)
class AnswerContent:
    """An answer's words and tool calls."""

    text: str
    calls: tuple[ToolCall, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to judge."""
        return not self.calls and not self.text.strip()


@dataclass(frozen=True, slots=True)
class PromptContent:
    """The gist of a request."""

    turns: tuple[tuple[str, str], ...]  # role and words, in order
    tools: frozenset[str]  # names of those offered
    schema: Any  # that the answer must fit; None where there is none


class QuestionKind(StrEnum):
    """What a judge is asked."""

    QUALITY = "quality"  # is this answer good?
    DIFFICULTY = "difficulty"  # how hard is this request?


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """What a judge reads; user text stands in it between fences."""

    kind: QuestionKind
    rules: str  # the system prompt
    text: str
