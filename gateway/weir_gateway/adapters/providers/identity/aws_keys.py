"""AWS's access keys, by botocore.

They come from the ModelBackend's secrets, or from where AWS's SDKs look: environment, assumed
roles and web identity (IRSA), shared configuration, container credentials (Pod Identity), instance
metadata. A session is built anew for each fetch, so that a changed file is seen.
botocore calls the token servers over connections of its own; backends still can't reach the
metadata service (`addresses.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from weir_gateway.adapters.providers.credentials import Secret
from weir_gateway.adapters.providers.identity.port import (
    CredentialRefused,
    IdentityError,
    TokensUnavailable,
)
from weir_policy.spec.auth import AwsIdentity

CALL_TIMEOUT: Final = 5.0  # seconds for one call to a token server
LASTING: Final = 3600.0  # seconds after which keys without an expiry are looked up anew
MAX_MESSAGE_CHARS: Final = 300  # characters of AWS's words
SESSION_NAME: Final = "weir"
ANY_REGION: Final = "aws-global"  # STS's endpoint that belongs to no region
CLIENT_ERRORS: Final = range(400, 500)
BUSY: Final = frozenset({"Throttling", "ThrottlingException", "IDPCommunicationError"})


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """An access key, and the session's token of a temporary one."""

    key_id: str
    key: Secret
    token: Secret | None
    expires: float  # seconds since the epoch


def aws_keys(
    spec: AwsIdentity,
    secrets: Mapping[str, Secret],
    variables: Mapping[str, str],
    clock: Callable[[], float],
) -> Callable[[], AwsKeys]:
    """What fetches keys for `spec`; `secrets` are the values of its secrets, by field.

    Raises ImportError if botocore is not installed. The function that it returns blocks.
    """
    # Imported by name: only a gateway whose backends need it has the library.
    session: Any = import_module("botocore.session")
    config: Any = import_module("botocore.config")
    errors: Any = import_module("botocore.exceptions")

    def fetch() -> AwsKeys:
        try:
            opened = session.Session(profile=spec.profile)
            opened.set_default_client_config(_config(config))
            opened.set_config_variable("region", _region(opened, spec, variables))
            keys = _own_keys(opened, secrets, clock())
            return keys if spec.role_arn is None else _assumed(opened, spec, keys)
        except IdentityError:
            raise
        except errors.ClientError as error:
            raise _mapped(error) from error
        except (
            errors.ProfileNotFound,
            errors.PartialCredentialsError,
            errors.ConfigParseError,
            errors.NoCredentialsError,
            errors.NoRegionError,
        ) as error:
            raise CredentialRefused(f"AWS's credentials can't be used: {_words(error)}") from error
        except Exception as error:
            raise TokensUnavailable(f"AWS's token server can't be used: {_words(error)}") from error

    return fetch


def _config(config: Any) -> Any:
    return config.Config(
        connect_timeout=CALL_TIMEOUT,
        read_timeout=CALL_TIMEOUT,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )


def _region(session: Any, spec: AwsIdentity, variables: Mapping[str, str]) -> str:
    """Where roles are assumed; botocore doesn't know the variable that Lambda and EKS set."""
    configured: str | None = session.get_config_variable("region")
    return spec.region or configured or variables.get("AWS_REGION") or ANY_REGION


def _own_keys(session: Any, secrets: Mapping[str, Secret], now: float) -> AwsKeys:
    key_id, key = secrets.get("accessKeyId"), secrets.get("secretAccessKey")
    if key_id is not None and key is not None:
        token = secrets.get("sessionToken")
        own = Secret(token.reveal().strip()) if token is not None else None
        return AwsKeys(key_id.reveal().strip(), Secret(key.reveal().strip()), own, now + LASTING)
    credentials = session.get_credentials()
    if credentials is None:
        raise CredentialRefused(
            "there are no credentials for AWS: neither in the environment nor in files, no web "
            "identity, no container's or instance's role"
        )
    frozen = credentials.get_frozen_credentials()
    expiry = getattr(credentials, "_expiry_time", None)  # botocore has no public name for it
    return AwsKeys(
        frozen.access_key,
        Secret(frozen.secret_key),
        Secret(frozen.token) if frozen.token else None,
        expiry.timestamp() if expiry is not None else now + LASTING,
    )


def _assumed(session: Any, spec: AwsIdentity, keys: AwsKeys) -> AwsKeys:
    """The role's keys, got with the identity's own."""
    client = session.create_client(
        "sts",
        aws_access_key_id=keys.key_id,
        aws_secret_access_key=keys.key.reveal(),
        aws_session_token=keys.token.reveal() if keys.token is not None else None,
    )
    try:
        external = {"ExternalId": spec.external_id} if spec.external_id is not None else {}
        assumed: Any = client.assume_role(
            RoleArn=spec.role_arn, RoleSessionName=spec.session_name or SESSION_NAME, **external
        )["Credentials"]
    finally:
        client.close()
    return AwsKeys(
        assumed["AccessKeyId"],
        Secret(assumed["SecretAccessKey"]),
        Secret(assumed["SessionToken"]),
        assumed["Expiration"].timestamp(),
    )


def _mapped(error: Any) -> IdentityError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    if status in CLIENT_ERRORS and code not in BUSY:
        return CredentialRefused(f"AWS refused the credentials: {_words(error)}")
    return TokensUnavailable(f"AWS's token server can't be used: {_words(error)}")


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:MAX_MESSAGE_CHARS] or type(error).__name__
