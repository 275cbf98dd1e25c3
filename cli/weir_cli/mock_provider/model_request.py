"""A request and its answer, independent of the provider's wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from weir_cli.mock_provider.json_fields import Object


class Finish(StrEnum):
    """Why an answer ended; each wire has its own words for it."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the client offers."""

    name: str
    parameters: Object  # a JSON schema


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One request for an answer."""

    model: str
    prompt: str  # everything that was said, in order: what the answer is a function of
    question: str  # the last turn of the user
    prompt_tokens: int
    tools: tuple[Tool, ...] = ()
    tool: Tool | None = None  # the one that must be, or is asked to be, called
    schema: Object | None = None  # the answer must be an instance of it
    json_mode: bool = False
    choices: int = 1
    stop: tuple[str, ...] = ()
    max_tokens: int = 0  # 0: no cap
    stream: bool = False
    stream_usage: bool = False
    thinks: bool = False  # the answer begins with a thought
    logprobs: bool = False  # the answer has the probabilities of its tokens, where they are known


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call."""

    id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """One choice: a text or a tool call."""

    id: str  # hex, a function of the ask
    text: str
    finish: Finish
    tokens: int
    call: ToolCall | None = None
    stopped_by: str = ""
    odds: tuple[tuple[str, float], ...] = ()  # a judge's words and their probabilities
