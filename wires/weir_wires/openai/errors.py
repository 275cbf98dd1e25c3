"""Errors as OpenAI's APIs write them."""

import json
import re
from typing import Any, Final

from weir_wires.error_shapes import ApiError, ErrorDetails, json_object, one_line, text_field

_SEQUENCE: Final = re.compile(rb'"sequence_number"\s*+:\s*+(\d{1,9})(?!\d)')


class OpenAIErrors:
    """`{"error": {message, type, param, code}}`; in a stream a `data:` event with the same."""

    family = "openai"

    def read(self, body: bytes) -> ErrorDetails | None:
        """Whatever else the object holds."""
        error = json_object(body).get("error")
        if not isinstance(error, dict) or "message" not in error:
            return None
        fields: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        return ErrorDetails(
            str(fields["message"]),
            text_field(fields, "type"),
            text_field(fields, "code"),
            text_field(fields, "param"),
        )

    def write(self, error: ApiError) -> bytes:
        """Lone surrogates of a client's own text become escapes, which any parser takes."""
        return (
            error.body if error.body is not None else json.dumps({"error": _fields(error)}).encode()
        )

    def event(self, error: ApiError, before: bytes) -> bytes:
        """No `[DONE]` follows it."""
        del before
        return b"data: " + one_line(self.write(error)) + b"\n\n"


class ResponsesErrors(OpenAIErrors):
    """OpenAI's errors; in a stream an `error` event with the next sequence number."""

    def event(self, error: ApiError, before: bytes) -> bytes:
        """Repeats the fields: on top as documented, under `error` as OpenAI's client reads them."""
        numbers = _SEQUENCE.findall(before)
        fields = _fields(error)
        event = {
            "type": "error",
            "code": fields["code"],
            "message": fields["message"],
            "param": fields["param"],
            "sequence_number": int(numbers[-1]) + 1 if numbers else 0,
            "error": fields,
        }
        return b"event: error\ndata: " + json.dumps(event).encode() + b"\n\n"


def _fields(error: ApiError) -> dict[str, str | None]:
    return {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }


OPENAI_ERRORS: Final = OpenAIErrors()
RESPONSES_ERRORS: Final = ResponsesErrors()
