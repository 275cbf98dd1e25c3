"""Errors as Google's APIs write them: a google.rpc.Status under `error`."""

import json
from typing import Any, Final

from weir_wires.error_shapes import ApiError, ErrorDetails, json_object, one_line, text_field

_ERROR_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
_DOMAIN: Final = "weir"
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GeminiErrors:
    """`{"error": {code, message, status, details}}`, in some streams in a list."""

    family = "gemini"

    def read(self, body: bytes) -> ErrorDetails | None:
        """An error is known by its numeric code or its status."""
        error = _error(body)
        if "message" not in error or not ({"code", "status"} & error.keys()):
            return None
        return ErrorDetails(str(error["message"]), None, text_field(error, "status"))

    def write(self, error: ApiError) -> bytes:
        """The status follows from the HTTP status; the gateway's code and field are details."""
        if error.body is not None:
            return error.body
        info: dict[str, Any] = {"@type": _ERROR_INFO, "reason": error.code, "domain": _DOMAIN}
        info |= {"metadata": {"param": error.param}} if error.param is not None else {}
        status = {
            "code": error.status,
            "message": error.message,
            "status": _STATUSES.get(error.status, "INTERNAL"),
            "details": [info],
        }
        return json.dumps({"error": status}).encode()

    def event(self, error: ApiError, before: bytes) -> bytes:
        """Nothing follows it."""
        del before
        return b"data: " + one_line(self.write(error)) + b"\n\n"


def _error(body: bytes) -> dict[str, Any]:
    """The error's fields; empty where `body` has none."""
    value = json_object(body)
    if not value and body.lstrip()[:1] == b"[":
        value = json_object(body.strip()[1:-1])
    error = value.get("error")
    return error if isinstance(error, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON of any shape


GEMINI_ERRORS: Final = GeminiErrors()
