"""Access tokens of Microsoft Entra ID, by azure-identity.

The kind of credential follows from the ModelBackend and the environment, in an order of our own:
the library's default tries a dozen kinds one after another, which takes seconds. Credentials are
built anew for each fetch: the library's cache would give out a token until it has expired.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.providers.identity.port import CredentialRefused, TokensUnavailable
from weir_gateway.adapters.providers.identity.tokens import Token
from weir_policy.spec.auth import AzureCloud, AzureIdentity

CALL_TIMEOUT: Final = 5.0  # seconds for one call to a token server
MAX_WORDS: Final = 300  # characters of Microsoft's words
ENTRA_CODE: Final = "AADSTS"  # begins the number of a refusal
REFUSED: Final = frozenset({400, 401, 403})
SCOPES: Final = {
    AzureCloud.PUBLIC: "https://cognitiveservices.azure.com/.default",
    AzureCloud.US_GOVERNMENT: "https://cognitiveservices.azure.us/.default",
    AzureCloud.CHINA: "https://cognitiveservices.azure.cn/.default",
}
AUTHORITIES: Final = {
    AzureCloud.PUBLIC: "https://login.microsoftonline.com",
    AzureCloud.US_GOVERNMENT: "https://login.microsoftonline.us",
    AzureCloud.CHINA: "https://login.chinacloudapi.cn",
}


def azure_tokens(
    spec: AzureIdentity, secrets: Mapping[str, Secret], variables: Mapping[str, str]
) -> Callable[[], Token]:
    """What fetches tokens for `spec`; `secrets` are the values of its secrets, by field.

    Raises ImportError if azure-identity is not installed. The function that it returns blocks.
    """
    # Imported by name: only a gateway whose backends need it has the library.
    identity: Any = import_module("azure.identity")
    errors: Any = import_module("azure.core.exceptions")
    scope = spec.scope or SCOPES[spec.cloud or AzureCloud.PUBLIC]

    def fetch() -> Token:
        try:
            with _credential(identity, spec, secrets, variables) as credential:
                token = credential.get_token(scope)
        except identity.CredentialUnavailableError as error:
            raise CredentialRefused(f"there is no identity for Azure: {_words(error)}") from error
        except errors.ClientAuthenticationError as error:
            raise _mapped(error) from error
        except Exception as error:
            raise TokensUnavailable(f"Entra ID can't be used: {_words(error)}") from error
        return Token(Secret(token.token), float(token.expires_on))

    return fetch


def _credential(
    identity: Any,
    spec: AzureIdentity,
    secrets: Mapping[str, Secret],
    variables: Mapping[str, str],
) -> Any:
    tenant = spec.tenant_id or variables.get("AZURE_TENANT_ID")
    client = spec.client_id or variables.get("AZURE_CLIENT_ID")
    options = _options(spec, variables)
    certificate = secrets.get("certificateRef")
    if certificate is not None:
        return identity.CertificateCredential(
            tenant, client, certificate_data=certificate.reveal().encode(), **options
        )
    secret = secrets.get("secretRef") or secrets.get("env")
    if secret is not None:
        return identity.ClientSecretCredential(tenant, client, secret.reveal().strip(), **options)
    file = variables.get("AZURE_FEDERATED_TOKEN_FILE")
    if file and tenant and client:
        return identity.WorkloadIdentityCredential(
            tenant_id=tenant, client_id=client, token_file_path=file, **options
        )
    own = variables.get("AZURE_CLIENT_SECRET")
    if own and tenant and client:
        return identity.ClientSecretCredential(tenant, client, own, **options)
    return identity.ManagedIdentityCredential(client_id=client, **_timeouts())


def _options(spec: AzureIdentity, variables: Mapping[str, str]) -> dict[str, object]:
    options: dict[str, object] = dict(_timeouts())
    authority = variables.get("AZURE_AUTHORITY_HOST")
    if spec.cloud is not None:
        options["authority"] = AUTHORITIES[spec.cloud]
    elif authority:
        options["authority"] = authority
        # Microsoft doesn't know a private cloud's authority, so it isn't asked about it.
        known = authority.rstrip("/") in AUTHORITIES.values()
        options["disable_instance_discovery"] = not known
    return options


def _timeouts() -> dict[str, float]:
    return {"connection_timeout": CALL_TIMEOUT, "read_timeout": CALL_TIMEOUT, "retry_total": 1}


def _mapped(error: Exception) -> CredentialRefused | TokensUnavailable:
    """azure-identity says "authentication failed" of every answer that holds no token."""
    refused = ENTRA_CODE in str(error) or getattr(error, "status_code", None) in REFUSED
    if refused:
        return CredentialRefused(f"Entra ID refused the credentials: {_words(error)}")
    return TokensUnavailable(f"Entra ID gave no token: {_words(error)}")


def _words(error: Exception) -> str:
    """The first line without ids that change each time: what follows is advice."""
    lines = str(error).splitlines()
    words = (lines[0] if lines else "") or type(error).__name__
    return words.removeprefix("Authentication failed: ").partition(" Trace ID")[0][:MAX_WORDS]
