"""Google's token servers: keys, federation, impersonation, and the metadata server."""

import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.identity.books import Books, Served, serve

ACCOUNT: Final = "weir@project.iam.gserviceaccount.com"
REFUSAL: Final = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
STS: Final = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
METADATA: Final = {"Metadata-Flavor": "Google"}


@dataclass(frozen=True)
class GoogleServer:
    """The running server, and the one key that it trusts."""

    books: Books
    served: Served
    key: rsa.RSAPrivateKey

    @property
    def host(self) -> str:
        """Host and port."""
        return self.served.url.removeprefix("http://")

    def key_file(self) -> str:
        """A service account's key as Google's JSON, for this server."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "project",
                "private_key_id": "1",
                "private_key": pem.decode(),
                "client_email": ACCOUNT,
                "token_uri": f"{self.served.url}/token",
            }
        )

    def federation_file(self, subject_token: str) -> str:
        """A workload identity federation's configuration; the token is in the file named."""
        principal = f"{self.served.url}/v1/projects/-/serviceAccounts/{ACCOUNT}"
        return json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/projects/1/locations/global/pools/p/providers/x",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": f"{self.served.url}/sts",
                "credential_source": {"file": subject_token},
                "service_account_impersonation_url": f"{principal}:generateAccessToken",
            }
        )


@contextlib.asynccontextmanager
async def google_server(books: Books) -> AsyncGenerator[GoogleServer]:
    """Serve until the block is left."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    routes = _Routes(books, key)
    served = await serve(
        [
            web.post("/token", routes.by_key),
            web.post("/sts", routes.by_federation),
            web.post("/v1/projects/-/serviceAccounts/{account}", routes.impersonated),
            web.get("/", routes.metadata_ping),
            web.get("/computeMetadata/v1/{path:.*}", routes.metadata),
        ]
    )
    try:
        yield GoogleServer(books, served, key)
    finally:
        await served.runner.cleanup()


class _Routes:
    def __init__(self, books: Books, key: rsa.RSAPrivateKey) -> None:
        self._books = books
        self._public = key.public_key()

    async def by_key(self, request: web.Request) -> web.Response:
        form = await self._noted(request)
        claims = jwt.decode(
            form["assertion"],
            self._public,
            algorithms=["RS256"],
            options={"verify_aud": False, "verify_iat": False},
        )
        assert claims["iss"] == ACCOUNT
        assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
        return self._token()

    async def by_federation(self, request: web.Request) -> web.Response:
        form = await self._noted(request)
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
        return self._token(**STS)

    async def impersonated(self, request: web.Request) -> web.Response:
        assert self._books.good(request.headers["Authorization"])
        token, _ = self._books.give()
        return web.json_response({"accessToken": token, "expireTime": "2099-01-01T00:00:00Z"})

    async def metadata_ping(self, request: web.Request) -> web.Response:
        del request
        return web.Response(headers=METADATA)

    async def metadata(self, request: web.Request) -> web.Response:
        assert request.headers["Metadata-Flavor"] == "Google"
        path = request.match_info["path"]
        if path == "project/project-id":
            return web.Response(text="project", headers=METADATA)
        if path.endswith("/token"):
            self._books.asked.append(dict(request.query))
            return self._token()
        account = {"email": ACCOUNT, "scopes": ["cloud-platform"], "aliases": ["default"]}
        return web.json_response(account, headers=METADATA)

    async def _noted(self, request: web.Request) -> dict[str, str]:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self._books.asked.append(form)
        return form

    def _token(self, **more: str) -> web.Response:
        trouble = self._books.trouble(REFUSAL)
        if trouble is not None:
            return trouble
        token, life = self._books.give()
        answer = {"access_token": token, "expires_in": int(life), "token_type": "Bearer", **more}
        return web.json_response(answer, headers=METADATA)
