"""Maps aiohttp's client errors and providers' error responses to UpstreamError."""

import asyncio
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import aiohttp
import msgspec

from weir_gateway.adapters.providers.addresses import AddressRefused
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend
from weir_wires.error_shapes import ErrorShape

MAX_MESSAGE_CHARS = 300  # characters of a provider's text in an error message
SERVER_ERROR = 500
FALLBACK_STATUSES = frozenset({408, 409, 429})  # and 5xx: another candidate may do better


@contextmanager
def map_client_errors(backend: Backend, doing: str) -> Generator[None]:
    """Raise UpstreamError for errors of aiohttp; `doing` completes "backend x <doing>"."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise UpstreamError(
            f"backend {backend.id} can't be reached: it did not connect within "
            f"{backend.timeouts.connect:g} s",
            failure=UpstreamFailure.CONNECT,
        ) from error
    except (TimeoutError, aiohttp.ServerTimeoutError) as error:
        raise UpstreamError(
            f"backend {backend.id} was too slow: it {doing} longer than its timeout",
            failure=UpstreamFailure.TIMEOUT,
        ) from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, AddressRefused):
            raise UpstreamError(
                f"backend {backend.id} is not called: {error.os_error}",
                failure=UpstreamFailure.ADDRESS,
            ) from error
        raise UpstreamError(
            f"backend {backend.id} can't be reached: {_plain(error)}",
            failure=UpstreamFailure.CONNECT,
        ) from error
    except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, ValueError) as error:
        raise UpstreamError(
            f"backend {backend.id} broke off while it {doing}: {_plain(error)}",
            failure=UpstreamFailure.BROKEN,
        ) from error


def invalid_response(backend: Backend, what: str) -> UpstreamError:
    """The error for a response that is not a valid answer."""
    return UpstreamError(
        f"backend {backend.id} {what}", failure=UpstreamFailure.BROKEN, transient=False
    )


def fallback_may_help(error: UpstreamError) -> bool:
    """Whether another candidate may succeed after `error`."""
    status = error.upstream_status or 0
    prompt = error.failure is not UpstreamFailure.STATUS
    return prompt or status >= SERVER_ERROR or status in FALLBACK_STATUSES


def from_status(
    backend: Backend,
    status: int,
    body: bytes,
    retry_after: str | None,
    provider_shape: ErrorShape,
    client_shape: ErrorShape,
) -> UpstreamError:
    """The provider's error: its body unchanged if the shapes match, else its message alone."""
    error_body = provider_shape.read(body)
    message = error_body.message if error_body is not None else body.decode("utf-8", "replace")
    error = UpstreamError(
        f"backend {backend.id} answered {status}: {message[:MAX_MESSAGE_CHARS]}",
        failure=refusal_kind(status, body),
        upstream_status=status,
        body=body
        if error_body is not None and provider_shape.family == client_shape.family
        else None,
        retry_after=retry_after,
    )
    if status < SERVER_ERROR:
        error.type = "invalid_request_error"
        error.param = error_body.param if error_body is not None else None
    if error.failure is UpstreamFailure.CONTEXT_LENGTH:
        error.code = "context_length_exceeded"
    return error


def _plain(error: BaseException) -> str:
    """The error's message; it contains no headers, so no key."""
    return str(error)[:MAX_MESSAGE_CHARS] or type(error).__name__


PROMPT_STATUSES: Final = frozenset({400, 403, 413, 422})  # statuses that may mean the prompt itself
CONTEXT_CODES: Final = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
)
FILTER_CODES: Final = frozenset(
    {"content_filter", "content_policy_violation", "responsibleaipolicyviolation"}
)
CONTEXT_WORDS: Final = re.compile(
    r"prompt is too long"
    r"|input (length|is too long)"
    r"|maximum context length"
    r"|exceeds? (the )?(available |maximum |model'?s? )*context"
    r"|context (window|length|size) (is )?(exceeded|limit)",
    re.IGNORECASE,
)
FILTER_WORDS: Final = re.compile(
    r"content (filter|management policy|policy)|blocked by .{0,40}polic", re.IGNORECASE
)


class _Inner(msgspec.Struct):
    code: object = None


class _Error(msgspec.Struct):
    message: object = None
    type: object = None
    code: object = None
    innererror: _Inner | None = None


class _Body(msgspec.Struct):
    error: _Error | None = None


_DECODER: Final = msgspec.json.Decoder(_Body)


def refusal_kind(status: int, body: bytes) -> UpstreamFailure:
    """CONTEXT_LENGTH or CONTENT_FILTER if the body says so, else STATUS.

    OpenAI, Azure and llama.cpp tell by `code` or `type`; Anthropic, vLLM and Ollama only by the
    message.
    """
    if status not in PROMPT_STATUSES:
        return UpstreamFailure.STATUS
    try:
        error = _DECODER.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UpstreamFailure.STATUS
    if error is None:
        return UpstreamFailure.STATUS
    codes = {str(code).lower() for code in (error.code, error.type, _inner(error)) if code}
    message = error.message if isinstance(error.message, str) else ""
    if codes & CONTEXT_CODES or CONTEXT_WORDS.search(message):
        return UpstreamFailure.CONTEXT_LENGTH
    if codes & FILTER_CODES or FILTER_WORDS.search(message):
        return UpstreamFailure.CONTENT_FILTER
    return UpstreamFailure.STATUS


def _inner(error: _Error) -> object:
    return error.innererror.code if error.innererror is not None else None
