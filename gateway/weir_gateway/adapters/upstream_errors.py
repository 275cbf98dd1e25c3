"""aiohttp's client errors and providers' error answers as the gateway's own, in one place."""

import asyncio
import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import aiohttp

from weir_gateway.adapters.addresses import AddressRefused
from weir_gateway.adapters.refusals import refusal
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend

SHOWN = 300  # characters of a provider's text that an error repeats
MENDABLE = frozenset({408, 409, 429})  # and 5xx: another candidate may do better


@contextmanager
def mapped(backend: Backend, doing: str) -> Generator[None]:
    """Let no aiohttp error out; `doing` completes "backend x <doing>"."""
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


def broken(backend: Backend, what: str) -> UpstreamError:
    """The backend answered with something that is no answer."""
    return UpstreamError(
        f"backend {backend.id} {what}", failure=UpstreamFailure.BROKEN, transient=False
    )


def may_be_mended(error: UpstreamError) -> bool:
    """Whether another candidate might answer where this one answered with `error`."""
    status = error.upstream_status or 0
    prompt = error.failure is not UpstreamFailure.STATUS
    return prompt or status >= 500 or status in MENDABLE  # noqa: PLR2004 - HTTP's own number


def from_status(
    backend: Backend, status: int, body: bytes, retry_after: str | None
) -> UpstreamError:
    """The provider's own error where it has the client's shape, else its text wrapped and cut."""
    own = has_error_shape(body)
    text = body[:SHOWN].decode("utf-8", "replace")
    return UpstreamError(
        f"backend {backend.id} answered {status}: {text}",
        failure=refusal(status, body),
        upstream_status=status,
        body=body if own else None,
        retry_after=retry_after,
    )


def has_error_shape(body: bytes) -> bool:
    """Whether `body` is OpenAI's `{"error": {"message": ...}}`."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    error: Any = value.get("error") if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON of any shape
    return isinstance(error, dict) and "message" in error


def _plain(error: BaseException) -> str:
    """One line without the class's noise; never a header, so never a key."""
    return str(error)[:SHOWN] or type(error).__name__
