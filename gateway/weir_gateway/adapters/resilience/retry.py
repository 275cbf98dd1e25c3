"""Which failed calls are retried, and after how long."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

from weir_gateway.domain.errors import UpstreamError, UpstreamFailure

INITIAL_BACKOFF: Final = 0.1  # seconds; the bound of the first random wait, doubled for each retry
REQUESTS: Final = frozenset({400, 409, 422})  # statuses of what the request itself is refused for
RETRYABLE: Final = frozenset(
    {
        *(UpstreamFailure.CONNECT, UpstreamFailure.BROKEN, UpstreamFailure.STATUS),
        *(UpstreamFailure.RATE_LIMIT, UpstreamFailure.OVERLOADED),
    }
)
# Another key of the same backend may be taken, or may have money left.
KEY_ERRORS: Final = frozenset({UpstreamFailure.AUTH, UpstreamFailure.QUOTA})
# The endpoint works: it refuses the prompt, the model's id or the key, or it answers in a form
# that the gateway can't translate.
REFUSALS: Final = KEY_ERRORS | {
    *(UpstreamFailure.CONTEXT_LENGTH, UpstreamFailure.CONTENT_FILTER),
    *(UpstreamFailure.MODEL_NOT_FOUND, UpstreamFailure.TRANSLATION),
}


class Fault(Enum):
    """What a failure counts against."""

    ENDPOINT = "endpoint"  # the endpoint's health and breaker
    LIMIT = "limit"  # the endpoint is overloaded, not broken
    NONE = "none"  # the endpoint behaved correctly


def fault(error: UpstreamError) -> Fault:
    if error.failure in REFUSALS or error.upstream_status in REQUESTS:
        return Fault.NONE
    return Fault.LIMIT if error.rate_limited else Fault.ENDPOINT


def is_retryable(error: UpstreamError) -> bool:
    """Whether the same call may succeed shortly: not after a timeout or an unusable answer."""
    return error.failure in RETRYABLE and error.transient


def backoff(
    attempt: int, max_wait: float, retry_after: float | None, fraction: float
) -> float | None:
    """Seconds to wait after attempt number `attempt` (from 1); None if that exceeds `max_wait`.

    Exponential backoff with full jitter: `fraction`, in [0,1), of a bound that doubles, added to
    the provider's `retry_after`.
    """
    bound: float = INITIAL_BACKOFF * 2 ** (attempt - 1)
    jittered = fraction * min(bound, max_wait)
    if retry_after is None:
        return jittered
    wait = retry_after + jittered
    return wait if wait <= max_wait else None


def retry_after_seconds(retry_after: str | None, today: Callable[[], datetime]) -> float | None:
    """A Retry-After header in seconds from now, at least 0; None if it is missing or invalid."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max((at - today()).total_seconds(), 0.0)
