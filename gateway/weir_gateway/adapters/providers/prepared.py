"""What all calls to a backend share: URL, headers with the key, timeouts, TLS.

Built once per table and credentials, not per request.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from weir_gateway.adapters.providers.credentials import Credentials, Secret
from weir_gateway.adapters.providers.identity.identities import Identities
from weir_gateway.adapters.providers.identity.port import Identity
from weir_gateway.adapters.providers.transport import Proxy, client_context, proxy_for
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend, SecretRef
from weir_policy.ids import BackendId
from weir_wires.registry import WIRES
from weir_wires.spec import WireSpec
from weir_wires.wire import Wire

MODELS: Final = "/models"
VERSION: Final = "/v1"  # that an endpoint of OpenAI's family ends with
MAX_PREPARED: Final = 10_000  # backends; bounds what replaced tables leave behind


@dataclass(frozen=True, slots=True)
class Prepared:
    """A backend's call parameters."""

    backend: Backend
    wire: WireSpec
    credentials: int  # version of the credentials
    url: URL
    stream_url: URL  # for a streamed answer
    models: URL  # the list of models, used by probes
    headers: Mapping[str, str]
    model: bytes  # the provider's id, as JSON
    timeout: aiohttp.ClientTimeout
    tls: ssl.SSLContext | bool
    proxy: Proxy | None
    secret: Secret | None  # the key in the headers, to be redacted from errors
    identity: Identity | None = None  # of a cloud: authorizes each call


class Preparer:
    """Builds and caches Prepared values."""

    def __init__(self, credentials: Credentials, identities: Identities) -> None:
        self._credentials = credentials
        self._identities = identities
        self._prepared: dict[tuple[BackendId, Wire], Prepared] = {}

    def cached(self, backend: Backend, wire: Wire) -> Prepared | None:
        """The cached value; None if the backend or the credentials have changed since."""
        prepared = self._prepared.get((backend.id, wire))
        if prepared is None or prepared.backend is not backend:
            return None
        return prepared if prepared.credentials == self._credentials.version else None

    def prepare(self, backend: Backend, wire: Wire) -> Prepared:
        """Build and cache. Reads files: call it in a thread.

        Raises UpstreamError if a credential is missing.
        """
        if len(self._prepared) >= MAX_PREPARED:
            self._prepared.clear()
        fresh = self._fresh(backend, WIRES[wire])
        self._prepared[(backend.id, wire)] = fresh
        return fresh

    def _fresh(self, backend: Backend, wire: WireSpec) -> Prepared:
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            **wire.headers,
        }
        secret = self._credentials.for_backend(backend)
        if secret is not None:
            # A key written with `echo` ends in a newline, which headers must not contain.
            name, prefix = (backend.key_header, "") if backend.key_header else wire.auth
            headers[name] = prefix + secret.reveal().strip()
        timeouts = backend.timeouts
        base = backend.endpoint + WIRES.version_path(backend.protocol, wire.wire)
        url = _with_query(backend, wire.url(base, backend.model, stream=False))
        return Prepared(
            backend=backend,
            wire=wire,
            credentials=self._credentials.version,
            url=url,
            stream_url=_with_query(backend, wire.url(base, backend.model, stream=True)),
            models=url_of(backend, wire.wire, MODELS),
            headers={**headers, **dict(backend.headers)},
            model=json.dumps(backend.model).encode(),
            timeout=aiohttp.ClientTimeout(total=timeouts.total, connect=timeouts.connect),
            tls=self._tls(backend),
            proxy=proxy_for(url),
            secret=secret,
            identity=self._identities.for_backend(backend),
        )

    def _tls(self, backend: Backend) -> ssl.SSLContext | bool:
        if backend.ca is None and backend.client_certificate is None:
            return True
        authority = self._secret_value(backend, backend.ca, "CA")
        certificate = self._secret_value(backend, backend.client_certificate, "client certificate")
        key = self._secret_value(backend, backend.client_key, "client key")
        try:
            return client_context(authority, certificate, key)
        except (ssl.SSLError, ValueError) as error:
            raise UpstreamError(
                f"backend {backend.id} has TLS secrets that can't be used: its CA is not a PEM "
                "bundle, or its client certificate and key don't belong together",
                failure=UpstreamFailure.CREDENTIAL,
            ) from error

    def _secret_value(self, backend: Backend, ref: SecretRef | None, what: str) -> str | None:
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


def url_of(backend: Backend, wire: Wire, path: str) -> URL:
    """The URL of `path` below the version of the wire's API."""
    version = WIRES.version_path(backend.protocol, wire)
    return _with_query(backend, backend.endpoint + version + path)


def url_from_root(backend: Backend, wire: Wire, path: str) -> URL:
    """The URL of a client's `path`, which is encoded and has the API's version in it.

    An endpoint that ends with the version has it once; one without any, such as a deployment of
    Azure's, gets the path below it.
    """
    versioned = bool(WIRES.version_path(backend.protocol, wire))
    if not versioned and path.startswith(f"{VERSION}/"):
        return _with_query(backend, backend.endpoint + path.removeprefix(VERSION), encoded=True)
    return _with_query(backend, backend.endpoint.removesuffix(VERSION) + path, encoded=True)


def _with_query(backend: Backend, text: str, *, encoded: bool = False) -> URL:
    # What a wire has encoded stays so: yarl would write an ARN's `%3A` as a colon.
    url = URL(text, encoded=encoded or "%" in text)
    return url.update_query(list(backend.query)) if backend.query else url
