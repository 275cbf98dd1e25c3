"""Errors as each API writes them: the gateway's own written, a provider's read.

Must not know HTTP beyond its status numbers.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from weir_wires.event import EventReader

_SEQUENCE: Final = re.compile(rb'"sequence_number"\s*+:\s*+(\d{1,9})(?!\d)')
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


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
class Told:
    """What a provider's error says."""

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None


class ErrorShape(Protocol):
    """One API's."""

    family: str  # shapes of one family differ in their stream events alone

    def read(self, body: bytes) -> Told | None:
        """A provider's error; None where `body` isn't of this shape."""
        ...

    def write(self, error: ApiError) -> bytes:
        """The body of an error answer; a provider's own where it has this shape already."""
        ...

    def event(self, error: ApiError, before: bytes) -> bytes:
        """The event that ends a stream which can't be finished; `before` is what went last."""
        ...


class OpenAIErrors:
    """`{"error": {message, type, param, code}}`; in a stream a `data:` event with the same."""

    family = "openai"

    def read(self, body: bytes) -> Told | None:
        """Whatever else the object holds."""
        error = _object(body).get("error")
        if not isinstance(error, dict) or "message" not in error:
            return None
        told: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        return Told(
            str(told["message"]), _text(told, "type"), _text(told, "code"), _text(told, "param")
        )

    def write(self, error: ApiError) -> bytes:
        """Lone surrogates of a client's own text become escapes, which any parser takes."""
        return (
            error.body if error.body is not None else json.dumps({"error": _fields(error)}).encode()
        )

    def event(self, error: ApiError, before: bytes) -> bytes:
        """No `[DONE]` follows it."""
        del before
        return b"data: " + _one_line(self.write(error)) + b"\n\n"


class ResponsesErrors(OpenAIErrors):
    """As OpenAI's; in a stream an `error` event that goes on with the sequence numbers."""

    def event(self, error: ApiError, before: bytes) -> bytes:
        """Says it twice: at the top as documented, under `error` as their client reads it."""
        numbers = _SEQUENCE.findall(before)
        fields = _fields(error)
        said = {
            "type": "error",
            "code": fields["code"],
            "message": fields["message"],
            "param": fields["param"],
            "sequence_number": int(numbers[-1]) + 1 if numbers else 0,
            "error": fields,
        }
        return b"event: error\ndata: " + json.dumps(said).encode() + b"\n\n"


class AnthropicErrors:
    """`{"type": "error", "error": {type, message}}`, with the gateway's code and field beside."""

    family = "anthropic"

    def read(self, body: bytes) -> Told | None:
        """Only what says that it is an error."""
        value = _object(body)
        error = value.get("error")
        if value.get("type") != "error" or not isinstance(error, dict) or "message" not in error:
            return None
        told: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        return Told(str(told["message"]), _text(told, "type"))

    def write(self, error: ApiError) -> bytes:
        """The type follows from the status, as their clients expect."""
        if error.body is not None:
            return error.body
        fields: dict[str, object] = {
            "type": _TYPES.get(error.status, "api_error"),
            "message": error.message,
            "code": error.code,
        }
        if error.param is not None:
            fields["param"] = error.param
        return json.dumps({"type": "error", "error": fields}).encode()

    def event(self, error: ApiError, before: bytes) -> bytes:
        """No `message_stop` follows it."""
        del before
        return b"event: error\ndata: " + _one_line(self.write(error)) + b"\n\n"


OPENAI: Final = OpenAIErrors()
RESPONSES: Final = ResponsesErrors()
ANTHROPIC: Final = AnthropicErrors()


def tells_error(sent: bytes, shape: ErrorShape) -> bool:
    """Whether the last event of `sent` is an error already: the provider's own, passed on."""
    last = sent.rstrip().replace(b"\r\n", b"\n").replace(b"\r", b"\n").rpartition(b"\n\n")[2]
    if b"error" not in last and b"failed" not in last:
        return False
    found = EventReader()
    events = [*found.feed(last + b"\n\n"), *found.rest()]
    if not events:
        return False
    data = events[-1].data
    kind = _object(data).get("type")
    return kind in {"error", "response.failed"} or shape.read(data) is not None


def _fields(error: ApiError) -> dict[str, str | None]:
    return {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }


def _one_line(body: bytes) -> bytes:
    """A provider's own error object may be spread over lines, which an event's data is not."""
    return b" ".join(body.split(b"\n")) if b"\n" in body else body


def _object(body: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


def _text(error: dict[str, Any], name: str) -> str | None:
    value = error.get(name)
    return value if isinstance(value, str) else None
