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

from weir_gateway.adapters.credentials import Credentials, Secret
from weir_gateway.adapters.proxy import Proxy, proxy_for
from weir_gateway.adapters.tls import context
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.table import Backend, SecretRef

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
    secret: Secret | None  # the key in the headers, so that it can be kept out of errors


class Preparer:
    """Makes and keeps them."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._kept: dict[BackendId, Prepared] = {}

    def kept(self, backend: Backend) -> Prepared | None:
        """The backend as it was prepared; None where it or the credentials have changed since."""
        kept = self._kept.get(backend.id)
        if kept is None or kept.backend is not backend:
            return None
        return kept if kept.credentials == self._credentials.version else None

    def prepare(self, backend: Backend) -> Prepared:
        """Prepare it afresh. May read files: not for the event loop.

        Raises UpstreamError where a credential it needs is not there.
        """
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
            timeout=aiohttp.ClientTimeout(total=timeouts.total, connect=timeouts.connect),
            tls=self._tls(backend),
            proxy=proxy_for(url),
            secret=secret,
        )

    def _tls(self, backend: Backend) -> ssl.SSLContext | bool:
        if backend.ca is None and backend.client_certificate is None:
            return True
        authority = self._revealed(backend, backend.ca, "CA")
        certificate = self._revealed(backend, backend.client_certificate, "client certificate")
        key = self._revealed(backend, backend.client_key, "client key")
        try:
            return context(authority, certificate, key)
        except (ssl.SSLError, ValueError) as error:
            raise UpstreamError(
                f"backend {backend.id} has TLS secrets that can't be used: its CA is no PEM "
                "bundle, or its client certificate and key don't belong together",
                failure=UpstreamFailure.CREDENTIAL,
            ) from error

    def _revealed(self, backend: Backend, ref: SecretRef | None, what: str) -> str | None:
        if ref is None:
            return None
        secret = self._credentials.get(ref)
        if secret is None:
            raise UpstreamError(
                f"backend {backend.id} has no {what}: key {ref.key} of secret "
                f"{ref.namespace}/{ref.name} is not there",
                failure=UpstreamFailure.CREDENTIAL,
            )
        return secret.reveal()
