"""Maps aiohttp's client errors and providers' error responses to UpstreamError."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager

import aiohttp

from weir_gateway.adapters.providers.addresses import AddressRefused
from weir_gateway.adapters.providers.failure_kinds import kind_of
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend
from weir_wires.error_reading import read_error
from weir_wires.error_shapes import ErrorShape
from weir_wires.errors import MalformedResponse, Untranslatable

log = logging.getLogger(__name__)

MAX_MESSAGE_CHARS = 300  # characters of a provider's text in an error message
SERVER_ERROR = 500
# And 5xx: another candidate may do better. 424 is a model that failed, on Bedrock.
FALLBACK_STATUSES = frozenset({408, 409, 424, 429})


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


def untranslated(backend: Backend, what: str, error: Exception) -> UpstreamError:
    """The error for what was not translated: the provider's fault or the gateway's.

    The provider's are bytes that are no answer at all. Whatever else a translator raises is its own
    shortcoming, which says nothing about the provider's health; the log tells where.
    """
    if isinstance(error, MalformedResponse) and not isinstance(error, Untranslatable):
        return invalid_response(backend, f"{what}: {error}")
    known = isinstance(error, Untranslatable)
    log.error(
        "a translation failed",
        extra={"backend": backend.id, "why": str(error) if known else type(error).__name__},
        exc_info=None if known else error,
    )
    reason = str(error) if known else "the translation failed"
    return UpstreamError(
        f"backend {backend.id} {what}: {reason}",
        failure=UpstreamFailure.TRANSLATION,
        transient=False,
    )


def fallback_may_help(error: UpstreamError) -> bool:
    """Whether another candidate may succeed after `error`."""
    specific = error.failure is not UpstreamFailure.STATUS
    return specific or not is_up(error.upstream_status or 0)


def is_up(status: int) -> bool:
    """Whether an endpoint that answers with `status` works, whatever it thinks of the request."""
    return status < SERVER_ERROR and status not in FALLBACK_STATUSES


def from_status(
    backend: Backend,
    status: int,
    body: bytes,
    retry_after: str | None,
    provider_shape: ErrorShape,
    client_shape: ErrorShape,
) -> UpstreamError:
    """The provider's error: its body unchanged if the shapes match, else its message alone."""
    provider_error = read_error(body)
    same_shape = provider_shape.family == client_shape.family
    error = UpstreamError(
        f"backend {backend.id} answered {status}: {provider_error.message[:MAX_MESSAGE_CHARS]}",
        failure=kind_of(status, provider_error),
        upstream_status=status,
        body=body if same_shape and provider_shape.read(body) is not None else None,
        retry_after=retry_after,
    )
    if status < SERVER_ERROR:
        error.type = "invalid_request_error"
        error.param = provider_error.param or None
    if error.failure is UpstreamFailure.CONTEXT_LENGTH:
        error.code = "context_length_exceeded"
    return error


def _plain(error: BaseException) -> str:
    """The error's message; it contains no headers, so no key."""
    return str(error)[:MAX_MESSAGE_CHARS] or type(error).__name__
