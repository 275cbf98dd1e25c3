"""Errors as Anthropic's API writes them."""

import json
from typing import Any, Final

from weir_wires.error_shapes import ApiError, ErrorDetails, json_object, one_line, text_field

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


class AnthropicErrors:
    """`{"type": "error", "error": {type, message}}`, with the gateway's code and field beside."""

    family = "anthropic"

    def read(self, body: bytes) -> ErrorDetails | None:
        """Only what says that it is an error."""
        value = json_object(body)
        error = value.get("error")
        if value.get("type") != "error" or not isinstance(error, dict) or "message" not in error:
            return None
        fields: dict[str, Any] = error  # pyright: ignore[reportUnknownVariableType] - JSON of any shape
        return ErrorDetails(str(fields["message"]), text_field(fields, "type"))

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
        return b"event: error\ndata: " + one_line(self.write(error)) + b"\n\n"


ANTHROPIC_ERRORS: Final = AnthropicErrors()
