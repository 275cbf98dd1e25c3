"""Authenticates requests by their client key, the same way for every path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from weir_gateway.domain.errors import KeyRefused
from weir_gateway.domain.request import ClientKey

OWN_HEADER: Final = "x-weir-key"  # for clients whose Authorization is the provider's (passthrough)
GOOGLE_HEADER: Final = "x-goog-api-key"
GOOGLE_PARAMETER: Final = "key"  # Google's clients may send it in the URL, as its own API takes it
GOOGLE_VERSION: Final = "/v1beta/"  # begins Google's paths
BEARER: Final = "bearer "
KEY_HEADERS: Final = (OWN_HEADER, "authorization", "x-api-key", "api-key", GOOGLE_HEADER)
KEY_PARAMETERS: Final = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
CLIENT_KEY: Final = web.RequestKey("weir_client_key", ClientKey)
CLIENT_KEY_HEADER: Final = web.RequestKey("weir_client_key_header", str)


class Keys(Protocol):
    """Looks up client keys."""

    def find(self, presented: str, now: float) -> ClientKey | None:
        """Return the key, or None where it is unknown or expired at `now` (Unix seconds)."""
        ...


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is read of a request's head, whatever it came over."""

    headers: Mapping[str, str]  # found by names in lower case
    path: str
    query: Mapping[str, str]


def head_of(http: web.BaseRequest) -> RequestHead:
    """The head of a request over HTTP."""
    return RequestHead(http.headers, http.path, http.query)


class Authenticator:
    """Checks each request's client key and stores it on the request."""

    def __init__(self, keys: Keys | None, now: Callable[[], float]) -> None:
        """Without `keys` every request is admitted."""
        self._keys = keys
        self._now = now

    def authenticate(self, http: web.BaseRequest) -> None:
        """Store the client's key on `http`. Raises KeyRefused where it is missing or unknown."""
        if self._keys is None:
            return
        found = self.find(head_of(http))
        if found is not None:
            http[CLIENT_KEY], http[CLIENT_KEY_HEADER] = found

    def find(self, head: RequestHead) -> tuple[ClientKey, str] | None:
        """Return the client's key and the header that carried it; None where none is required.

        Raises KeyRefused where it is missing or unknown.
        """
        if self._keys is None:
            return None
        header, presented = _presented_key(head)
        if not presented:
            raise KeyRefused(_missing_key(head))
        key = self._keys.find(presented, self._now())
        if key is None:
            raise KeyRefused(
                "the API key is unknown or has expired: ask the gateway's administrator for one"
            )
        return key, header


def client_key(http: web.BaseRequest) -> ClientKey | None:
    """Return the client's key; None where the gateway requires none."""
    return http.get(CLIENT_KEY)


def client_key_header(http: web.BaseRequest) -> str:
    """Return the lower-case name of the header that carried the key; empty where none did.

    The key is for this gateway alone, so the header is never passed on.
    """
    return http[CLIENT_KEY_HEADER] if CLIENT_KEY_HEADER in http else ""  # noqa: SIM401 - its get() is untyped


def _presented_key(head: RequestHead) -> tuple[str, str]:
    """Return (header name, key); the key is empty where the request has none."""
    for name in KEY_HEADERS:
        value = head.headers.get(name)
        if value is None:
            continue
        if name == "authorization":
            if not value.lower().startswith(BEARER):
                continue
            value = value[len(BEARER) :]
        return name, value.strip()
    return GOOGLE_HEADER, google_parameter(head)


def google_parameter(head: RequestHead) -> str:
    """The key in the URL of a call to Google's API; empty where there is none."""
    return head.query.get(GOOGLE_PARAMETER, "") if head.path.startswith(GOOGLE_VERSION) else ""


def _missing_key(head: RequestHead) -> str:
    hint = "send one as `Authorization: Bearer KEY` or `x-api-key: KEY`"
    if any(name.lower() in KEY_PARAMETERS for name in head.query):
        return f"an API key does not belong in the URL, because URLs are logged: {hint}"
    return f"this gateway requires an API key: {hint}"
