"""Google's access tokens, by google-auth: keys, federation, metadata server, impersonation.

Credentials are built anew for each fetch, so that a changed key file is seen. google-auth calls
the metadata server over connections of its own; backends still can't reach it (`addresses.py`).
"""

import json
from collections.abc import Callable
from datetime import UTC
from functools import partial
from importlib import import_module
from typing import Any, Final

from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.providers.identity.port import (
    CredentialRefused,
    IdentityError,
    TokensUnavailable,
)
from weir_gateway.adapters.providers.identity.tokens import Token
from weir_policy.spec.auth import GoogleIdentity

SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
CALL_TIMEOUT: Final = 5.0  # seconds for one call to a token server
MAX_MESSAGE_CHARS: Final = 300  # characters of Google's words


def google_tokens(spec: GoogleIdentity, key: Secret | None) -> Callable[[], Token]:
    """What fetches tokens for `spec`; `key` is a service account's key, None: the default.

    Raises ImportError if google-auth is not installed. The function that it returns blocks.
    """
    # Imported by name: only a gateway whose backends need it has the library.
    auth: Any = import_module("google.auth")
    errors: Any = import_module("google.auth.exceptions")
    requests: Any = import_module("google.auth.transport.requests")

    def fetch() -> Token:
        call = partial(requests.Request(), timeout=CALL_TIMEOUT)
        try:
            credentials = _credentials(auth, spec, key, call)
            credentials.refresh(call)
        except IdentityError:
            raise
        except errors.GoogleAuthError as error:
            raise _mapped(errors, error) from error
        except Exception as error:
            raise TokensUnavailable(f"Google's token can't be read: {_words(error)}") from error
        return _token(credentials)

    return fetch


def _credentials(auth: Any, spec: GoogleIdentity, key: Secret | None, call: object) -> Any:
    if key is None:
        scoping: Any = import_module("google.auth.credentials")
        # With scopes, `default` would also look up the project's name, which isn't needed.
        credentials, _ = auth.default(request=call)
        credentials = scoping.with_scopes_if_required(credentials, SCOPES)
    else:
        accounts: Any = import_module("google.oauth2.service_account")
        credentials = _from_key(accounts, key)
    if spec.impersonate is not None:
        impersonated: Any = import_module("google.auth.impersonated_credentials")
        credentials = impersonated.Credentials(
            source_credentials=credentials,
            target_principal=spec.impersonate,
            target_scopes=list(SCOPES),
        )
    if spec.quota_project is not None:
        credentials = credentials.with_quota_project(spec.quota_project)
    return credentials


def _from_key(accounts: Any, key: Secret) -> Any:
    """Only a service account's key: other kinds of credentials name files to read, URLs to call."""
    try:
        return accounts.Credentials.from_service_account_info(
            json.loads(key.reveal()), scopes=SCOPES
        )
    except (ValueError, TypeError, AttributeError):
        # The error's text may hold parts of the key.
        raise CredentialRefused("the key is not a service account's in Google's JSON") from None


def _token(credentials: Any) -> Token:
    if not credentials.token or credentials.expiry is None:
        raise TokensUnavailable("Google's token server gave no token with an expiry")
    quota: str | None = getattr(credentials, "quota_project_id", None)
    return Token(
        Secret(credentials.token),
        credentials.expiry.replace(tzinfo=UTC).timestamp(),  # google-auth's is naive, in UTC
        {"x-goog-user-project": quota} if quota else {},
    )


def _mapped(errors: Any, error: Exception) -> IdentityError:
    cause = error.__cause__ or error.__context__
    away = isinstance(error, errors.TransportError) or isinstance(cause, errors.TransportError)
    if away or getattr(error, "retryable", False):
        return TokensUnavailable(f"Google's token server can't be used: {_words(error)}")
    return CredentialRefused(f"Google refused the credentials: {_words(error)}")


def _words(error: Exception) -> str:
    """The error's own words, without the response that google-auth adds as a second argument."""
    text = str(error.args[0]) if error.args else type(error).__name__
    return " ".join(text.split())[:MAX_MESSAGE_CHARS]
