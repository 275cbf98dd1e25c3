"""Microsoft's token servers: an authority of Entra ID, and the managed identity of a machine."""

import contextlib
import ssl
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from support.certificates import Authority
from support.identity.books import Books, Served, serve

TENANT: Final = "11111111-1111-1111-1111-111111111111"
CLIENT: Final = "22222222-2222-2222-2222-222222222222"
REFUSAL: Final = {
    "error": "invalid_client",
    "error_description": "AADSTS7000215: Invalid client secret provided. Trace ID: 1\r\nMore.",
    "error_codes": [7000215],
}


@dataclass(frozen=True)
class AzureServer:
    """The running servers: Entra ID by TLS, and a machine's own over plain HTTP."""

    entra: Served
    machine: Served


@contextlib.asynccontextmanager
async def azure_server(books: Books, authority: Authority) -> AsyncGenerator[AzureServer]:
    """Serve until the block is left."""
    pair = await authority.sign("entra")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    routes = _Routes(books)
    entra = await serve(
        [
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", routes.discovery),
            web.post("/{tenant}/oauth2/v2.0/token", routes.token),
        ],
        tls,
    )
    machine = await serve(
        [
            web.get("/metadata/identity/oauth2/token", routes.instance),
            web.get("/msi/token", routes.app_service),
        ]
    )
    try:
        yield AzureServer(entra, machine)
    finally:
        await entra.runner.cleanup()
        await machine.runner.cleanup()


class _Routes:
    def __init__(self, books: Books) -> None:
        self._books = books

    async def discovery(self, request: web.Request) -> web.Response:
        base = f"https://{request.host}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
        )

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self._books.asked.append(form)
        assert request.match_info["tenant"] == TENANT
        assert form["client_id"] == CLIENT
        return self._given()

    async def instance(self, request: web.Request) -> web.Response:
        assert request.headers["Metadata"] == "true"
        self._books.asked.append(dict(request.query))
        return self._given(resource=request.query["resource"])

    async def app_service(self, request: web.Request) -> web.Response:
        assert request.headers["X-IDENTITY-HEADER"] == "only this app"
        self._books.asked.append(dict(request.query))
        return self._given(resource=request.query["resource"])

    def _given(self, **more: str) -> web.Response:
        trouble = self._books.trouble(REFUSAL)
        if trouble is not None:
            return trouble
        token, life = self._books.give()
        answer: dict[str, object] = {
            "access_token": token,
            "expires_in": int(life),
            "expires_on": str(int(time.time() + life)),
            "token_type": "Bearer",
            **more,
        }
        return web.json_response(answer)
