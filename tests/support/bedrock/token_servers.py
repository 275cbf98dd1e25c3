"""AWS's token servers: STS, the container's credentials endpoint, and instance metadata."""

import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from aiohttp import web

from support.bedrock.books import AwsBooks, Issued
from support.identity.books import Served, serve

CONTAINER_TOKEN = "the-pods-own-token"  # noqa: S105 - of a test
WEB_TOKEN = "the-service-accounts-token"  # noqa: S105 - of a test
METADATA_TOKEN = "session-of-imdsv2"  # noqa: S105 - of a test
ROLE = "arn:aws:iam::123456789012:role/weir"


@dataclass(frozen=True)
class TokenServers:
    """The running servers."""

    served: Served

    @property
    def url(self) -> str:
        return self.served.url


@contextlib.asynccontextmanager
async def token_servers(books: AwsBooks) -> AsyncGenerator[TokenServers]:
    """Serve until the block is left."""
    routes = _Routes(books)
    served = await serve(
        [
            web.post("/", routes.sts),
            web.get("/container", routes.container),
            web.put("/latest/api/token", routes.session),
            web.get("/latest/meta-data/iam/security-credentials/", routes.role),
            web.get("/latest/meta-data/iam/security-credentials/{role}", routes.instance),
        ]
    )
    try:
        yield TokenServers(served)
    finally:
        await served.runner.cleanup()


class _Routes:
    def __init__(self, books: AwsBooks) -> None:
        self._books = books

    async def sts(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self._books.asked.append(form)
        if self._books.away:
            return web.Response(status=503, text="<html>away</html>")
        action = form["Action"]
        if self._books.refusing or not self._may(action, form, request):
            return _xml(
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not "
                f"authorized to perform sts:{action}</Message></Error></ErrorResponse>",
                403,
            )
        made = self._books.issue()
        return _xml(
            f"<{action}Response><{action}Result><Credentials>"
            f"<AccessKeyId>{made.key_id}</AccessKeyId>"
            f"<SecretAccessKey>{made.key}</SecretAccessKey>"
            f"<SessionToken>{made.token}</SessionToken><Expiration>{made.expiration}</Expiration>"
            f"</Credentials></{action}Result></{action}Response>"
        )

    def _may(self, action: str, form: dict[str, str], request: web.Request) -> bool:
        if action == "AssumeRoleWithWebIdentity":
            return form["WebIdentityToken"] == WEB_TOKEN and form["RoleArn"] == ROLE
        signed = request.headers.get("Authorization", "").partition("Credential=")[2]
        return signed.partition("/")[0] in self._books.issued

    async def container(self, request: web.Request) -> web.Response:
        self._books.asked.append({"path": request.path})
        if self._books.away:
            return web.Response(status=503)
        if request.headers.get("Authorization") != CONTAINER_TOKEN:
            return web.Response(status=401)
        return web.json_response(_fields(self._books.issue()))

    async def session(self, request: web.Request) -> web.Response:
        assert "x-aws-ec2-metadata-token-ttl-seconds" in request.headers
        return web.Response(text=METADATA_TOKEN)

    async def role(self, request: web.Request) -> web.Response:
        return self._metadata(request, "weir-node")

    async def instance(self, request: web.Request) -> web.Response:
        self._books.asked.append({"path": request.path})
        fields = {"Code": "Success", "Type": "AWS-HMAC", **_fields(self._books.issue())}
        return self._metadata(
            request, json.dumps({**fields, "LastUpdated": "2026-01-01T00:00:00Z"})
        )

    def _metadata(self, request: web.Request, text: str) -> web.Response:
        if request.headers.get("x-aws-ec2-metadata-token") != METADATA_TOKEN:
            return web.Response(status=401)
        return web.Response(text=text)


def _fields(made: Issued) -> dict[str, str]:
    return {
        "AccessKeyId": made.key_id,
        "SecretAccessKey": made.key,
        "Token": made.token or "",
        "Expiration": made.expiration,
    }


def _xml(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/xml")
