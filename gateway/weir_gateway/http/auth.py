"""Who may come in: a request's client key, looked up once for every path.

Must not know how keys are kept.
"""

from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import web

from weir_gateway.domain.errors import KeyRefused
from weir_gateway.domain.key import ClientKey

OWN_HEADER: Final = "x-weir-key"  # for clients whose Authorization is the provider's (passthrough)
BEARER: Final = "bearer "
KEY_HEADERS: Final = (OWN_HEADER, "authorization", "x-api-key", "api-key")
KEY_PARAMETERS: Final = frozenset({"key", "api_key", "api-key", "apikey", "access_token", "token"})
CLIENT_KEY: Final = web.RequestKey("weir_client_key", ClientKey)
CLIENT_KEY_HEADER: Final = web.RequestKey("weir_client_key_header", str)


class Keys(Protocol):
    """The keys there are."""

    def find(self, presented: str, now: float) -> ClientKey | None:
        """The key that was presented at `now` (seconds since 1970); None: unknown or expired."""
        ...


class Authenticator:
    """Lets clients in."""

    def __init__(self, keys: Keys | None, now: Callable[[], float]) -> None:
        """Without `keys` everybody may come in."""
        self._keys = keys
        self._now = now

    def authenticate(self, http: web.BaseRequest) -> None:
        """Note on `http` whose key it brings. Raises KeyRefused where that is none, or not good."""
        if self._keys is None:
            return
        header, presented = _presented(http)
        if not presented:
            raise KeyRefused(_missing(http))
        key = self._keys.find(presented, self._now())
        if key is None:
            raise KeyRefused("the API key is not, or no longer, known: ask who runs the gateway")
        http[CLIENT_KEY] = key
        http[CLIENT_KEY_HEADER] = header


def client_key(http: web.BaseRequest) -> ClientKey | None:
    """The client's key; None where the gateway asks for none."""
    return http.get(CLIENT_KEY)


def client_key_header(http: web.BaseRequest) -> str:
    """The header, in lower case, that the key came in: it is this gateway's and goes no further."""
    return http[CLIENT_KEY_HEADER] if CLIENT_KEY_HEADER in http else ""  # noqa: SIM401 - its get() is untyped


def _presented(http: web.BaseRequest) -> tuple[str, str]:
    for name in KEY_HEADERS:
        value = http.headers.get(name)
        if value is None:
            continue
        if name == "authorization":
            if not value.lower().startswith(BEARER):
                continue
            value = value[len(BEARER) :]
        return name, value.strip()
    return "", ""


def _missing(http: web.BaseRequest) -> str:
    where = "send one as `Authorization: Bearer KEY` or `x-api-key: KEY`"
    if any(name.lower() in KEY_PARAMETERS for name in http.query):
        return f"an API key does not belong in the URL, which ends up in logs: {where}"
    return f"this gateway asks for an API key: {where}"
