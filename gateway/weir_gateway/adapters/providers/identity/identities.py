"""The gateway's identities: one for each `auth`, however many backends have it."""

import threading
from collections.abc import Callable, Mapping
from typing import Final

from weir_gateway.adapters.providers.credentials import Credentials, Secret
from weir_gateway.adapters.providers.identity.aws import SERVICE, SignedIdentity, Signing
from weir_gateway.adapters.providers.identity.aws_keys import aws_keys
from weir_gateway.adapters.providers.identity.azure import azure_tokens
from weir_gateway.adapters.providers.identity.google import google_tokens
from weir_gateway.adapters.providers.identity.port import CredentialRefused, Identity
from weir_gateway.adapters.providers.identity.tokens import TokenIdentity
from weir_gateway.domain.errors import UpstreamError, UpstreamFailure
from weir_gateway.domain.table import Backend, CloudIdentity, FromEnvironment
from weir_policy.spec.auth import AwsIdentity, AzureIdentity, GoogleIdentity

MAX_IDENTITIES: Final = 1000  # bounds what replaced tables and secrets leave behind
Values = tuple[tuple[str, Secret], ...]  # the secrets' values, by field


class Identities:
    """Makes and shares identities. An identity keeps its token when a table is replaced."""

    def __init__(
        self, credentials: Credentials, variables: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        """`clock` gives seconds since the epoch."""
        self._credentials = credentials
        self._variables = variables
        self._clock = clock
        self._identities: dict[tuple[CloudIdentity, Values], Identity] = {}
        self._lock = threading.Lock()  # backends are prepared on several threads

    def for_backend(self, backend: Backend) -> Identity | None:
        """The backend's identity; None if its auth is none of a cloud's.

        Imports the cloud's library: call it in a thread. Raises UpstreamError if a secret or the
        library is missing.
        """
        auth = backend.auth
        if not isinstance(auth, CloudIdentity):
            return None
        try:
            return self._shared(auth, self._values(auth))
        except CredentialRefused as error:
            raise UpstreamError(
                f"backend {backend.id} has no credential: {error}",
                failure=UpstreamFailure.CREDENTIAL,
            ) from error

    async def stop(self) -> None:
        """End what the identities run in the background."""
        for identity in self._identities.values():
            await identity.stop()

    def _shared(self, auth: CloudIdentity, values: Values) -> Identity:
        with self._lock:
            identity = self._identities.get((auth, values))
            if identity is None:
                if len(self._identities) >= MAX_IDENTITIES:
                    # The oldest; a fetch that it has under way ends by itself.
                    del self._identities[next(iter(self._identities))]
                identity = self._identities[auth, values] = self._made(auth, dict(values))
            return identity

    def _made(self, auth: CloudIdentity, values: Mapping[str, Secret]) -> Identity:
        spec = auth.spec
        try:
            match spec:
                case AwsIdentity():
                    signing = Signing(spec.service or SERVICE, spec.region)
                    keys = aws_keys(spec, values, self._variables, self._clock)
                    return SignedIdentity(signing, keys, self._clock)
                case GoogleIdentity():
                    key = values.get("secretRef") or values.get("env")
                    return TokenIdentity("Google", google_tokens(spec, key), self._clock)
                case AzureIdentity():
                    tokens = azure_tokens(spec, values, self._variables)
                    return TokenIdentity("Azure", tokens, self._clock)
        except ImportError as error:
            extra = type(spec).__name__.removesuffix("Identity").lower()
            message = (
                f"{error.name} is not installed here: install weir-gateway[{extra}], or build the "
                "image with CLOUDS=1"
            )
            raise CredentialRefused(message) from error

    def _values(self, auth: CloudIdentity) -> Values:
        values: dict[str, Secret] = {}
        for field, ref in auth.secrets.items():
            secret = self._credentials.get(ref)
            if secret is None:
                place = f"key {ref.key} of secret {ref.namespace}/{ref.name}"
                raise CredentialRefused(f"{place} is not there")
            values[field] = secret
        variable = None if isinstance(auth.spec, AwsIdentity) else auth.spec.env
        if variable is not None:
            secret = self._credentials.get(FromEnvironment(variable))
            if secret is None:
                raise CredentialRefused(f"the environment variable {variable} is not there")
            values["env"] = secret
        return tuple(values.items())
