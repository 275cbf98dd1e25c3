"""Everything that is known of one wire, as data and pure functions.

A new wire is a folder that fills a `WireSpec` and one line in `registry.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from weir_wires.content import AnswerContent, Usage
from weir_wires.error_shapes import ErrorShape
from weir_wires.event import Event
from weir_wires.framing import SSE, Framing
from weir_wires.translator import ToChat, Translator
from weir_wires.wire import Wire


class StreamReader(Protocol):
    """Reads a stream's events for what the gateway itself needs; never raises."""

    usage: Usage | None  # as reported so far
    complete: bool  # an orderly end now would be a whole answer's
    last: bool  # the wire's very last event has come: nothing more can be missing

    def feed(self, event: Event) -> None:
        """Take note of one event."""
        ...


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """Reads the words and tool calls of an answer; None where they can't be read."""

    whole: Callable[[bytes], AnswerContent | None]
    stream: Callable[[Sequence[Event]], AnswerContent | None]  # of all events of a whole stream


@dataclass(frozen=True, slots=True)
class PromptShape:
    """Where a request's fields have the prompt; a path names a field of a field."""

    turns: str = "messages"  # a list of turns, or one text
    system: str = "system"
    schemas: tuple[tuple[str, ...], ...] = ()  # where the answer's JSON schema may be


@dataclass(frozen=True, slots=True)
class UsageOption:
    """How a wire's streams are made to tell their usage, where they don't by themselves."""

    field: str  # of the request; a server that doesn't know it names it in its refusal
    ask: Callable[[bytes], bytes]  # a request's body → one that asks
    drop: Callable[[bytes], bytes]  # a request's body → one without the field
    hide: Callable[[bytes], bytes]  # whole events → without those that only an asker gets


@dataclass(frozen=True, slots=True)
class Adopted:
    """A body that has taken in the client's headers, and those that it has no place for."""

    body: bytes
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counting:
    """A wire that only counts the tokens of another one's requests."""

    of: Wire
    field: str  # of the answer, which has the count


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSpec:
    """One wire as providers speak it, and as far as clients may, too."""

    wire: Wire
    path: str  # below the API's version, such as `/v1`
    auth: tuple[str, str]  # the header that carries the key, and what comes before the key in it
    errors: ErrorShape
    usage: Callable[[bytes], Usage | None]  # of a whole answer; raises MalformedResponse
    reader: Callable[[], StreamReader]
    error_header: str = ""  # of an error answer, with its code; empty: the body has it
    url_of: Callable[[str, str, bool], str] | None = None  # (base, model, stream) → URL; see `url`
    framing: Framing = SSE  # of a streamed answer; clients get server-sent events alone
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # with every call
    forwarded: tuple[str, ...] = ()  # client headers that go on to a provider of the same wire
    large_events: tuple[bytes, ...] = ()  # begin a last event that may exceed a stream's kept end
    protocol: str = ""  # the value of a ModelBackend's `protocol` whose usual wire this is
    version_path: str = ""  # what `protocol`'s SDK leaves out of its base URL, such as `/v1`
    also: frozenset[Wire] = frozenset()  # what every endpoint of this wire answers, too
    counts: Counting | None = None  # None: its answers are a model's
    say_stream: Callable[[bytes], bytes] | None = None  # a body whose path says that it streams
    ping: bytes = b": ping\n\n"  # what keeps a silent stream open
    usage_option: UsageOption | None = None  # None: every stream tells its usage
    prepare: Callable[[bytes], bytes] | None = None  # a client's body that goes on untranslated
    # For a wire that has in its body what clients say in headers, whose names are in lower case.
    adopt: Callable[[bytes, Mapping[str, str]], Adopted] | None = None
    format_of: Wire | None = None  # the wire whose format it has, on another platform
    translators: Mapping[Wire, Translator] = field(default_factory=dict[Wire, Translator])
    to_chat: ToChat | None = None  # of its clients' requests, which then reach every wire
    answer: AnswerReader | None = None
    empty: Callable[[bytes], bool] | None = None  # whether a whole answer brings nothing
    # A whole answer as a stream, for a provider that streams nothing; raises MalformedResponse.
    as_stream: Callable[[bytes], bytes] | None = None
    # All that a model wrote in an event's data, or in a whole answer: what no usage counts is
    # estimated by it. None: what `answer` reads.
    written: Callable[[bytes], str] | None = None
    # Who asks, as its answers repeat it, and what they say where a request leaves it out. These
    # fields change no answer: a stored one gets those of the request that it is given to.
    echoed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prompt: PromptShape = PromptShape()

    def url(self, base: str, model: str, *, stream: bool) -> str:
        """Return the URL of a call; `base` ends with the API's version."""
        if self.url_of is not None:
            return self.url_of(base, model, stream)
        return base + self.path

    def adopted(self, body: bytes, headers: Mapping[str, str]) -> Adopted:
        """Return a body of this wire's format as it is sent; `headers` are the client's."""
        return Adopted(body) if self.adopt is None else self.adopt(body, headers)


@dataclass(frozen=True, slots=True)
class Platform:
    """A cloud's platform that serves several APIs' wires, each at a path of its own."""

    protocol: str  # the value of a ModelBackend's `protocol`
    usual: Wire
    paths: Mapping[Wire, str]  # between the endpoint and a wire's own path
    # The wire that a ModelBackend lists → the one that the platform has of it.
    hosted: Mapping[Wire, Wire] = field(default_factory=dict[Wire, Wire])
