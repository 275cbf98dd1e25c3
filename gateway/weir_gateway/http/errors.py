"""Errors as the caller's wire has them: OpenAI's `{"error": {message, type, param, code}}`."""

import json
from collections.abc import Mapping

from aiohttp import web

from weir_gateway.domain.errors import UpstreamError, WeirError

JSON = "application/json"
RETRY_AFTER_SECONDS = "1"  # for our own 503s: a full gateway empties in about a request's time


def error_body(error: WeirError) -> bytes:
    """The error object; a provider's own where it spoke the same shape."""
    if isinstance(error, UpstreamError) and error.body is not None:
        return error.body
    fields = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    # Lone surrogates of a client's own text become escapes, which any parser takes.
    return json.dumps({"error": fields}).encode()


def error_response(error: WeirError, headers: Mapping[str, str] | None = None) -> web.Response:
    """The whole response, with Retry-After where waiting helps."""
    sent = dict(headers or {})
    if isinstance(error, UpstreamError) and error.retry_after is not None:
        sent["Retry-After"] = error.retry_after
    elif error.status == web.HTTPServiceUnavailable.status_code:
        sent.setdefault("Retry-After", RETRY_AFTER_SECONDS)
    return web.Response(
        status=error.status, body=error_body(error), content_type=JSON, headers=sent
    )


def error_event(error: WeirError) -> bytes:
    """The event that ends a stream which can't be finished; no `[DONE]` follows."""
    return b"data: " + error_body(error) + b"\n\n"
