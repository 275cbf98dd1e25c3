"""What a request asks, what an answer says, and the tokens both took, whatever the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


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


MAX_TOKENS: Final = 10**9  # of one answer; a provider that reports more reports nonsense


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer took, as the provider counted it; all but the last two in tokens.

    `input` counts every prompt token, the cached and the cache-written ones among them, and
    `output` every token of the answer, its reasoning among them.
    """

    input: int
    output: int
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = field(default=0, kw_only=True)  # part of cache_write
    reasoning: int = field(default=0, kw_only=True)  # part of output
    audio_input: int = field(default=0, kw_only=True)  # part of input
    audio_output: int = field(default=0, kw_only=True)  # part of output
    image_input: int = field(default=0, kw_only=True)  # part of input
    image_output: int = field(default=0, kw_only=True)  # part of output
    # Calls of tools that the provider ran, by the provider's own name, in the order of names.
    server_tools: tuple[tuple[str, int], ...] = field(default=(), kw_only=True)
    tier: str = field(default="", kw_only=True)  # of service, in the provider's word


def bounded(tokens: int | None) -> int:
    """A provider's count within [0, MAX_TOKENS]; 0 where it reports none."""
    return min(max(tokens or 0, 0), MAX_TOKENS)
