"""What all calls to one backend have in common: URL, headers with the key, timeouts, TLS.

Worked out once per table and credential, not per request. Must not know requests.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from weir_gateway.adapters.credentials import Credentials
from weir_gateway.adapters.proxy import Proxy, proxy_for
from weir_gateway.adapters.upstream_errors import mapped
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.table import Backend

PATH: Final = "/chat/completions"
MAX_KEPT: Final = 10_000  # backends; a bound for tables that come and go


@dataclass(frozen=True, slots=True)
class Prepared:
    """A backend, ready to be called."""

    backend: Backend
    credentials: int  # the store's version it was made with
    url: URL
    headers: Mapping[str, str]
    model: bytes  # the provider's id, as JSON
    timeout: aiohttp.ClientTimeout
    tls: ssl.SSLContext | bool
    proxy: Proxy | None


class Preparer:
    """Makes and keeps them."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._kept: dict[BackendId, Prepared] = {}

    def of(self, backend: Backend) -> Prepared:
        """The backend prepared; afresh where it or the credentials have changed.

        Raises UpstreamError where a credential it needs is not there.
        """
        kept = self._kept.get(backend.id)
        if (
            kept is not None
            and kept.backend is backend
            and kept.credentials == self._credentials.version
        ):
            return kept
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        fresh = self._fresh(backend)
        self._kept[backend.id] = fresh
        return fresh

    def _fresh(self, backend: Backend) -> Prepared:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        secret = self._credentials.of(backend)
        if secret is not None:
            # A key that was written with `echo` ends in a newline, which no header may hold.
            headers["Authorization"] = f"Bearer {secret.reveal().strip()}"
        timeouts = backend.timeouts
        url = URL(backend.endpoint + PATH)
        return Prepared(
            backend=backend,
            credentials=self._credentials.version,
            url=url,
            headers=headers,
            model=json.dumps(backend.model).encode(),
            timeout=aiohttp.ClientTimeout(total=timeouts.total, sock_connect=timeouts.connect),
            tls=self._tls(backend),
            proxy=proxy_for(url),
        )

    def _tls(self, backend: Backend) -> ssl.SSLContext | bool:
        if backend.ca is None:
            return True
        authority = self._credentials.get(backend.ca)
        if authority is None:
            ref = backend.ca
            raise UpstreamError(
                f"backend {backend.id} has no CA: key {ref.key} of secret "
                f"{ref.namespace}/{ref.name} is not there",
                failure=UpstreamFailure.CREDENTIAL,
            )
        with mapped(backend, "read its CA"):
            return ssl.create_default_context(cadata=authority.reveal())
