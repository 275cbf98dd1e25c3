"""Looks up what backends refer to in Secrets, and whether the value can be what it is meant to be.

Messages name keys and never values.
"""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, cast

from weir_operator.plan.findings import Problem, Reason
from weir_policy.fields.mistakes import Path
from weir_policy.reading.resources import Secret
from weir_policy.spec.auth import SecretKeyRef

GOOGLE_TOKENS: Final = frozenset({"https://oauth2.googleapis.com/token"})


class Holds(Enum):
    """What a secret's value must be, as a sentence about it ends."""

    API_KEY = "an API key: one line of printable ASCII"
    CERTIFICATES = "a PEM bundle of certificates"
    PRIVATE_KEY = "a private key in PEM without a passphrase"
    KEY_AND_CERTIFICATE = "a certificate and its private key in one PEM without a passphrase"
    GOOGLE_KEY = "a service account's key in JSON, with Google's own token_uri"


class Unreadable(Enum):
    """Stands for a Secret that may not be read."""

    UNREADABLE = "unreadable"


UNREADABLE = Unreadable.UNREADABLE
SecretIndex = Mapping[tuple[str, str], Secret | Unreadable]  # by namespace and name


@dataclass(frozen=True, slots=True, order=True)
class Credential:
    """One secret value that a backend needs, and where it came from. Shows no value in its repr."""

    namespace: str
    name: str
    key: str
    value: str = field(repr=False, compare=False)


def look_up(
    secrets: SecretIndex, namespace: str, ref: SecretKeyRef, at: Path, holds: Holds
) -> Credential | Problem:
    """The value behind `ref` as text; or why there is none."""
    secret = secrets.get((namespace, ref.name))
    if secret is UNREADABLE:
        message = f"the operator may not read Secret {ref.name} in namespace {namespace}"
        hint = "grant it; with the chart: operator.secrets"
        return Problem(Reason.SECRET_NOT_READABLE, (*at, "name"), message, hint)
    if not isinstance(secret, Secret):
        message = f"there is no Secret {ref.name} in namespace {namespace}"
        return Problem(Reason.SECRET_NOT_FOUND, (*at, "name"), message)
    value = secret.values.get(ref.key)
    if value is None:
        keys = ", ".join(sorted(secret.values)) or "none"
        message = f"Secret {ref.name} has no key {ref.key}"
        return Problem(Reason.SECRET_KEY_NOT_FOUND, (*at, "key"), message, f"it has {keys}")
    text = _READERS[holds](value)
    if text is None:
        message = f"the value of {ref.key} in Secret {ref.name} is not {holds.value}"
        return Problem(Reason.SECRET_INVALID, (*at, "key"), message)
    return Credential(namespace, ref.name, ref.key, text)


def _token(value: bytes) -> str | None:
    """An API key fits into one header line; the newline that editors leave behind is dropped."""
    text = value.decode("utf-8", "replace").strip()
    good = bool(text) and text.isascii() and text.isprintable() and " " not in text
    return text if good else None


def _pem(value: bytes) -> str | None:
    try:
        text = value.decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (UnicodeDecodeError, ssl.SSLError, ValueError):
        return None
    return text


def _private_key(value: bytes) -> str | None:
    """By its frame alone: whether it fits the certificate shows when the gateway loads both."""
    found = _KEY.search(value)
    return value.decode("ascii", "replace") if found and b"ENCRYPTED" not in value else None


def _key_and_certificate(value: bytes) -> str | None:
    return _private_key(value) if b"-----BEGIN CERTIFICATE-----" in value else None


def _google_key(value: bytes) -> str | None:
    """Only a key: other kinds of credentials name files to read, or URLs to call."""
    try:
        key = json.loads(value)
    except ValueError:
        return None
    if not isinstance(key, dict):
        return None
    fields = cast("dict[str, object]", key)
    good = fields.get("type") == "service_account" and fields.get("token_uri") in GOOGLE_TOKENS
    return value.decode("utf-8", "replace") if good else None


_KEY = re.compile(
    rb"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[\s\S]+-----END ([A-Z]+ )?PRIVATE KEY-----"
)
_READERS: Mapping[Holds, Callable[[bytes], str | None]] = {
    Holds.API_KEY: _token,
    Holds.CERTIFICATES: _pem,
    Holds.PRIVATE_KEY: _private_key,
    Holds.KEY_AND_CERTIFICATE: _key_and_certificate,
    Holds.GOOGLE_KEY: _google_key,
}
