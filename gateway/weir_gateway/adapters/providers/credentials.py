"""Providers' API keys: in memory, never logged, and redacted from errors.

They come from the gateway's environment, the operator's stream, or a file.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import (
    Backend,
    CloudIdentity,
    FromEnvironment,
    Passthrough,
    SecretRef,
)

REDACTED: Final = b"[key]"
SESSION_TOKEN: Final = re.compile(rb"(?i)(x-amz-security-token[:=])[a-z0-9+/=%_-]+")
MIN_KEY_CHARS: Final = 8  # shorter texts are not redacted: they may be ordinary words


class Secret:
    """A value that no repr, log line or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for writing it to a socket."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def redact(secret: Secret | None, body: bytes) -> bytes:
    """`body` with every occurrence of the key replaced.

    AWS's word on a wrong signature repeats what was signed, and so a session's token.
    """
    body = SESSION_TOKEN.sub(rb"\1" + REDACTED, body)
    if secret is None:
        return body
    key = secret.reveal().strip().encode()
    return body.replace(key, REDACTED) if len(key) >= MIN_KEY_CHARS else body


class Credentials:
    """The store of secrets."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._secrets: Mapping[SecretRef, Secret] = {}
        self.version = 0  # grows with each replacement; invalidates cached headers

    def replace(self, secrets: Mapping[SecretRef, Secret]) -> None:
        """Replace all secrets."""
        if secrets != self._secrets:
            self._secrets = dict(secrets)
            self.version += 1

    def for_backend(self, backend: Backend) -> Secret | None:
        """The backend's key; None if it needs none, uses the client's, or has a cloud's identity.

        Raises UpstreamError if the key is missing.
        """
        auth = backend.auth
        if auth is None or isinstance(auth, Passthrough | CloudIdentity):
            return None
        secret = self.get(auth)
        if secret is None:
            raise UpstreamError(
                f"backend {backend.id} has no credential: {_source(auth)} is not there",
                failure=UpstreamFailure.CREDENTIAL,
            )
        return secret

    def missing(self, backends: Iterable[Backend]) -> list[SecretRef]:
        """Secrets that `backends` refer to and that are missing."""
        refs = (ref for b in backends for ref in _refs(b))
        return [ref for ref in dict.fromkeys(refs) if ref not in self._secrets]

    def get(self, source: SecretRef | FromEnvironment) -> Secret | None:
        """The referenced value, or None."""
        if isinstance(source, SecretRef):
            return self._secrets.get(source)
        value = self._variables.get(source.variable)
        return Secret(value) if value else None


def _refs(backend: Backend) -> Iterable[SecretRef]:
    auths = (backend.auth, *(endpoint.backend.auth for endpoint in backend.endpoints))
    for source in (*auths, backend.ca, backend.client_certificate, backend.client_key):
        if isinstance(source, SecretRef):
            yield source
        elif isinstance(source, CloudIdentity):
            yield from source.secrets.values()


def _source(auth: SecretRef | FromEnvironment) -> str:
    if isinstance(auth, SecretRef):
        return f"key {auth.key} of secret {auth.namespace}/{auth.name}"
    return f"the environment variable {auth.variable}"


class _Entry(msgspec.Struct):
    namespace: str
    name: str
    key: str
    value: str


_ENTRIES = msgspec.json.Decoder(list[_Entry])


def read_file(path: Path) -> dict[SecretRef, Secret]:
    """Secrets from a JSON list of {namespace, name, key, value}. Raises OSError and ValueError."""
    entries = _ENTRIES.decode(path.read_bytes())
    return {SecretRef(e.namespace, e.name, e.key): Secret(e.value) for e in entries}
