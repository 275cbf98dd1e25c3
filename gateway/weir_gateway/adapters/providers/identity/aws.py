"""Calls that are signed for AWS (Signature Version 4) by botocore."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final

from yarl import URL

from weir_gateway.adapters.providers.identity.aws_keys import AwsKeys
from weir_gateway.adapters.providers.identity.port import (
    Answered,
    CredentialRefused,
    UnsignedCall,
)
from weir_gateway.adapters.providers.identity.renewal import Renewal

SERVICE: Final = "bedrock"
MAX_ON_LOOP: Final = 64 * 1024  # bytes; hashing more takes a good part of a millisecond
ERROR_TYPE: Final = "x-amzn-errortype"
# What AWS calls a credential that is no longer one, or that its servers don't know yet.
EXPIRED: Final = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"),
        *("InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException"),
    }
)
# Signed besides the host, which botocore adds; what a proxy may change isn't.
_SIGNED: Final = re.compile(r"content-type|x-amz.*", re.IGNORECASE)
_REGION: Final = re.compile(
    r"\.(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d)\.(?:api\.aws|amazonaws\.com|vpce\.)"
)
_KEY_ID: Final = re.compile(r"Credential=(?P<id>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Signing:
    """What calls are signed for."""

    service: str
    region: str | None  # None: the one in the endpoint's name


class SignedIdentity:
    """Signs every call, also one that is sent a second time."""

    def __init__(
        self, signing: Signing, fetch: Callable[[], AwsKeys], clock: Callable[[], float]
    ) -> None:
        """`fetch` and `clock` as of `Renewal`. Raises ImportError if botocore is not installed."""
        self._signing = signing
        self._keys = Renewal("aws", fetch, clock)
        auth: Any = import_module("botocore.auth")
        request: Any = import_module("botocore.awsrequest")
        credentials: Any = import_module("botocore.credentials")
        self._signer: Any = auth.SigV4Auth
        self._request: Any = request.AWSRequest
        self._credentials: Any = credentials.Credentials

    async def headers(self, call: UnsignedCall) -> Mapping[str, str]:
        """The signature and what belongs to it. A large body is hashed on a thread."""
        keys = await self._keys.get()
        region = self._signing.region or region_of(call.url)
        if len(call.body) > MAX_ON_LOOP:
            return await asyncio.to_thread(partial(self._sign, call, keys, region))
        return self._sign(call, keys, region)

    def refused(self, answered: Answered) -> bool:
        """Drop keys that have expired or were withdrawn, which AWS says in a header."""
        kind = answered.received.get(ERROR_TYPE, "").partition(":")[0]
        if kind not in EXPIRED:
            return False
        match = _KEY_ID.search(answered.sent.get("authorization", ""))
        used = match["id"] if match else ""
        return self._keys.revoke(lambda keys: keys.key_id == used)

    async def stop(self) -> None:
        """Cancel a fetch under way."""
        await self._keys.stop()

    def _sign(self, call: UnsignedCall, keys: AwsKeys, region: str) -> Mapping[str, str]:
        headers = {name: value for name, value in call.headers.items() if _SIGNED.fullmatch(name)}
        request = self._request(
            method=call.method, url=str(call.url), headers=headers, data=call.body
        )
        token = keys.token.reveal() if keys.token is not None else None
        credentials = self._credentials(keys.key_id, keys.key.reveal(), token)
        self._signer(credentials, self._signing.service, region).add_auth(request)
        return {name: value for name, value in request.headers.items() if name not in headers}


def region_of(url: URL) -> str:
    """The region in the name of AWS's endpoint. Raises CredentialRefused where there is none."""
    match = _REGION.search(f"{url.host or ''}")
    if match is None:
        raise CredentialRefused(
            f"{url.host} doesn't name its region: write auth.aws.region in the ModelBackend"
        )
    return match["region"]
