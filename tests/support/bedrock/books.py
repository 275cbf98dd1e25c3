"""The access keys that AWS has given out, and the check of every call's signature."""

import datetime as dt
import re
import secrets
import time
from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.upstream import Received

REGION = "eu-west-1"
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/"
    r"(?P<service>[^/]+)/aws4_request, SignedHeaders=(?P<headers>[^,]+), Signature=(?P<seal>\w+)"
)
MAX_SKEW = 300.0  # seconds between a signature and its arrival


@dataclass(frozen=True)
class Issued:
    """A key that was given out."""

    key_id: str
    key: str
    token: str | None
    expires: float  # seconds since the epoch

    @property
    def expiration(self) -> str:
        """As token servers write it."""
        at = dt.datetime.fromtimestamp(self.expires, dt.UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class AwsBooks:
    """Every key, and what was asked of the token servers and refused by Bedrock."""

    life: float = 3600.0  # seconds
    away: bool = False  # the token servers answer 503
    refusing: bool = False  # the token servers answer that access is denied
    issued: dict[str, Issued] = field(default_factory=dict[str, Issued])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    refused: list[str] = field(default_factory=list[str])
    used: list[str] = field(default_factory=list[str])  # key ids of good calls

    def issue(self, *, token: bool = True, life: float | None = None) -> Issued:
        """A new key."""
        name = ("ASIA" if token else "AKIA") + secrets.token_hex(8).upper()
        # Token servers write whole seconds: what is written must not be later than what holds.
        expires = float(int(time.time() + (self.life if life is None else life)))
        session = secrets.token_urlsafe(48) if token else None
        made = Issued(name, secrets.token_hex(20), session, expires)
        self.issued[name] = made
        return made

    def revoke(self) -> None:
        """No key given so far is good any more."""
        self.issued.clear()

    def refusal(self, received: Received) -> tuple[str, str] | None:
        """The kind and the words of what is wrong with a call's signature; None if it is good."""
        problem = self._problem(received)
        if problem is not None:
            self.refused.append(problem[0])
        return problem

    def _problem(self, received: Received) -> tuple[str, str] | None:
        match = AUTHORIZATION.fullmatch(received.headers.get("authorization", ""))
        if match is None:
            return "MissingAuthenticationTokenException", "Missing Authentication Token"
        key = self.issued.get(match["key"])
        if key is None:
            return "UnrecognizedClientException", "The security token is invalid."
        if key.expires <= time.time():
            return "ExpiredTokenException", "The security token included is expired"
        names = match["headers"].split(";")
        scoped = (match["region"], match["service"]) == (REGION, "bedrock")
        whole = received.headers.get("x-amz-security-token") == key.token
        if not (scoped and whole and self.seal(key, received, names) == match["seal"]):
            return "InvalidSignatureException", f"x-amz-security-token:{key.token} does not match"
        self.used.append(key.key_id)
        return None

    def seal(self, key: Issued, received: Received, names: list[str]) -> str:
        """The signature that botocore computes for what has come."""
        stamp = received.headers["x-amz-date"]
        at = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        assert abs(at.timestamp() - time.time()) < MAX_SKEW, stamp
        assert {"host", "x-amz-date"} <= set(names), names
        assert (key.token is None) or "x-amz-security-token" in names, names
        request = AWSRequest(
            method="POST",
            url=f"http://{received.headers['host']}{received.path}",
            headers={name: received.headers[name] for name in names if name != "host"},
            data=received.body,
        )
        request.context["timestamp"] = stamp
        credentials = Credentials(key.key_id, key.key, key.token)
        signer = SigV4Auth(credentials, "bedrock", REGION)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        return signer.signature(text, request)
