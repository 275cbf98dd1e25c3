"""Which of a provider's response headers go on to the client, and what they say about retries.

Passed on is what clients read: when to come back, what is left of the limits, and ids to quote to
the provider. Who the gateway's operator is at the provider (`openai-organization`,
`anthropic-organization-id`) is no business of its clients.
"""

import math
from collections.abc import Mapping
from typing import Final

_NAMES: Final = frozenset(
    {
        *("content-type", "retry-after", "retry-after-ms", "x-should-retry"),
        *("apim-request-id", "request-id", "x-amzn-requestid", "x-request-id"),
        *("openai-model", "openai-processing-ms", "openai-version"),
    }
)
_PREFIXES: Final = (
    "anthropic-fast-",
    "anthropic-priority-",
    "anthropic-ratelimit-",
    "x-codex-",
    "x-ratelimit-",
)
_RETRY_AFTER: Final = "retry-after"
_RETRY_AFTER_MS: Final = "retry-after-ms"
_SHOULD_RETRY: Final = "x-should-retry"
_MS: Final = 1000  # in a second


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers that the client gets, names in lower case."""
    return {
        lower: value
        for name, value in headers.items()
        if (lower := name.lower()) in _NAMES or lower.startswith(_PREFIXES)
    }


def retry_after(headers: Mapping[str, str]) -> str | None:
    """`Retry-After` of headers that are passed on, whole seconds where there are only ms."""
    if _RETRY_AFTER in headers:
        return headers[_RETRY_AFTER]
    try:
        wait = float(headers.get(_RETRY_AFTER_MS, ""))
    except ValueError:
        return None
    return str(max(math.ceil(wait / _MS), 1)) if math.isfinite(wait) else None


def forbids_retries(headers: Mapping[str, str]) -> bool:
    """Whether the provider says that the same call would only fail again."""
    return headers.get(_SHOULD_RETRY, "").strip().lower() == "false"
