"""Turns errors into responses, each in the shape of the API that the client speaks."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from weir_gateway.domain.errors import LimitReached, UnsupportedEncoding, UpstreamError, WeirError
from weir_gateway.http.auth import GOOGLE_HEADER, GOOGLE_VERSION, RequestHead, head_of
from weir_gateway.http.body import ENCODINGS
from weir_wires.anthropic.answers import ANTHROPIC_ERRORS
from weir_wires.error_shapes import ErrorShape
from weir_wires.google.errors import GEMINI_ERRORS
from weir_wires.openai.errors import OPENAI_ERRORS

JSON: Final = "application/json"
RETRY_AFTER_SECONDS: Final = "1"  # for our own 503s: a full gateway empties in a request's time
MAX_RETRY_WAIT: Final = 90.0  # seconds; longer than any per-minute limit takes to recover
ANTHROPIC_PATH: Final = "/v1/messages"
GOOGLE_HEADERS: Final = (GOOGLE_HEADER, "x-goog-api-client")
ANTHROPIC_HEADER: Final = "anthropic-version"  # Anthropic's clients send it with every call


def shape_for(http: web.BaseRequest) -> ErrorShape:
    """Return the error shape that the sender of `http` reads, on any path."""
    return shape_of(head_of(http))


def shape_of(head: RequestHead) -> ErrorShape:
    """Return the error shape that the sender of a request reads, on any path."""
    if speaks_google(head):
        return GEMINI_ERRORS
    anthropic = head.path.startswith(ANTHROPIC_PATH) or ANTHROPIC_HEADER in head.headers
    return ANTHROPIC_ERRORS if anthropic else OPENAI_ERRORS


def speaks_google(head: RequestHead) -> bool:
    """Whether this is a call to Google's API: by its path, or by what its clients send."""
    return head.path.startswith(GOOGLE_VERSION) or any(n in head.headers for n in GOOGLE_HEADERS)


def error_response(
    error: WeirError, shape: ErrorShape, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Build the whole response, with Retry-After where waiting helps."""
    sent = dict(error.headers) if isinstance(error, UpstreamError) else {}
    sent |= headers or {}
    if isinstance(error, LimitReached):
        sent |= _limit_error_headers(error)
    if isinstance(error, UnsupportedEncoding):
        sent["Accept-Encoding"] = ", ".join(ENCODINGS)
    if error.retry_after is not None:
        sent["retry-after"] = error.retry_after
    elif error.status == web.HTTPServiceUnavailable.status_code:
        sent.setdefault("retry-after", RETRY_AFTER_SECONDS)
    return web.Response(
        status=error.status, body=shape.write(error), content_type=JSON, headers=sent
    )


def _limit_error_headers(error: LimitReached) -> dict[str, str]:
    headers = limit_headers(error.remaining)
    # OpenAI's and Anthropic's clients retry by themselves: pointless where the wait is long.
    if error.wait is None or error.wait > MAX_RETRY_WAIT:
        headers["x-should-retry"] = "false"
    return headers


def limit_headers(left: Mapping[str, int]) -> dict[str, str]:
    """Write what is left of the current minute's limits as OpenAI's headers."""
    return {f"x-ratelimit-{name}": str(value) for name, value in left.items()}
