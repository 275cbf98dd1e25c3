"""Errors as each API writes them: the gateway's own written, a provider's read."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from weir_wires.event import EventReader


class ApiError(Protocol):
    """What an error answer says, whatever API it is written for."""

    @property
    def message(self) -> str: ...

    @property
    def type(self) -> str:
        """A group of errors, in OpenAI's words."""
        ...

    @property
    def code(self) -> str:
        """A stable word for programs."""
        ...

    @property
    def param(self) -> str | None:
        """The path of the field at fault."""
        ...

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        ...

    @property
    def body(self) -> bytes | None:
        """A provider's own error object, already in the client's shape."""
        ...


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """What a provider's error says."""

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None


class ErrorShape(Protocol):
    """How one API writes errors."""

    family: str  # shapes of one family differ in their stream events alone

    def read(self, body: bytes) -> ErrorDetails | None:
        """A provider's error; None where `body` isn't of this shape."""
        ...

    def write(self, error: ApiError) -> bytes:
        """The body of an error answer; a provider's own where it has this shape already."""
        ...

    def event(self, error: ApiError, before: bytes) -> bytes:
        """The event that ends a stream which can't be finished; `before` is what went last."""
        ...


def ends_with_error(sent: bytes, shape: ErrorShape) -> bool:
    """Whether the last event of `sent` is an error already: the provider's own, passed on."""
    last = sent.rstrip().replace(b"\r\n", b"\n").replace(b"\r", b"\n").rpartition(b"\n\n")[2]
    if b"error" not in last and b"failed" not in last:
        return False
    reader = EventReader()
    events = [*reader.feed(last + b"\n\n"), *reader.rest()]
    if not events:
        return False
    data = events[-1].data
    kind = json_object(data).get("type")
    return kind in {"error", "response.failed"} or shape.read(data) is not None


def one_line(body: bytes) -> bytes:
    """A provider's error object on one line, as an event's data must be."""
    return b" ".join(body.split(b"\n")) if b"\n" in body else body


def json_object(body: bytes) -> dict[str, Any]:
    """The object that `body` holds; empty where it holds none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def text_field(error: dict[str, Any], name: str) -> str | None:
    """A field's text; None where it is no text."""
    value = error.get(name)
    return value if isinstance(value, str) else None
