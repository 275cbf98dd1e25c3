"""Backends that are called with Entra ID's tokens, on token servers over real sockets."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.certificates import authority, openssl
from support.gateway import Running, backend, running_gateway, table
from support.identity.azure_server import CLIENT, TENANT, AzureServer, azure_server
from support.identity.books import Books, Mood, guarded
from support.polling import eventually
from support.upstream import Upstream, running_upstream

ASK = json.dumps({"model": "weak", "messages": [{"role": "user", "content": "Hi"}]}).encode()
APPLICATION = {"tenantId": TENANT, "clientId": CLIENT}
BY_SECRET = {"azure": {**APPLICATION, "env": "CLIENT_SECRET"}}
SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass
class Rig:
    """The token servers, a provider that asks for their tokens, and what a gateway is given."""

    books: Books
    server: AzureServer
    upstream: Upstream
    folder: Path
    patch: pytest.MonkeyPatch

    @asynccontextmanager
    async def gateway(self, auth: object, *more: tuple[str, str]) -> AsyncGenerator[Running]:
        made = backend("weak", self.upstream.url)
        made.spec["auth"] = auth
        variables = [("AZURE_AUTHORITY_HOST", self.server.entra.url), *more]
        async with running_gateway(self.folder, table(made), variables) as running:
            yield running


@asynccontextmanager
async def rigged(
    folder: Path, patch: pytest.MonkeyPatch, books: Books | None = None
) -> AsyncGenerator[Rig]:
    books = books or Books()
    signer = await authority(folder)
    # The libraries themselves read these.
    patch.setenv("REQUESTS_CA_BUNDLE", str(signer.pair.certificate))
    async with (
        azure_server(books, signer) as server,
        running_upstream(guarded(books)) as upstream,
    ):
        yield Rig(books, server, upstream, folder, patch)


async def ask(running: Running) -> tuple[int, str]:
    response = await running.chat(ASK)
    return response.status, await response.text()


async def good(running: Running) -> bool:
    return (await ask(running))[0] == 200


async def test_a_client_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rigged(tmp_path, monkeypatch) as rig:
        async with rig.gateway(BY_SECRET, ("CLIENT_SECRET", "very secret\n")) as running:
            answers = await asyncio.gather(*(ask(running) for _ in range(8)))
        assert [status for status, _ in answers] == [200] * 8, answers[0][1]
        (asked,) = rig.books.asked
    assert (asked["scope"], asked["client_secret"]) == (SCOPE, "very secret")


async def test_an_own_scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = "https://ai.azure.com/.default"
    async with rigged(tmp_path, monkeypatch) as rig:
        auth = {"azure": {**APPLICATION, "env": "CLIENT_SECRET", "scope": scope}}
        async with rig.gateway(auth, ("CLIENT_SECRET", "very secret")) as running:
            assert await good(running)
        assert rig.books.asked[0]["scope"] == scope


async def test_workload_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "federated"
    await asyncio.to_thread(file.write_text, "the-pods-token")
    pod = {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
    }
    async with rigged(tmp_path, monkeypatch) as rig:
        async with rig.gateway({"azure": {}}, *pod.items()) as running:
            assert await good(running)
        assert rig.books.asked[0]["client_assertion"] == "the-pods-token"


async def test_the_machines_managed_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rigged(tmp_path, monkeypatch) as rig:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", rig.server.machine.url)
        async with rig.gateway({"azure": {"clientId": CLIENT}}) as running:
            status, text = await ask(running)
            assert status == 200, text
        (asked,) = rig.books.asked
    assert asked["resource"] == "https://cognitiveservices.azure.com"
    assert asked["client_id"] == CLIENT


async def test_the_managed_identity_of_an_app_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rigged(tmp_path, monkeypatch) as rig:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{rig.server.machine.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "only this app")
        async with rig.gateway({"azure": {}}) as running:
            assert await good(running)
        assert rig.books.asked[0]["resource"] == "https://cognitiveservices.azure.com"


async def test_tokens_that_expire_in_mid_load_lose_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rigged(tmp_path, monkeypatch, Books(life=2.0)) as rig:
        async with rig.gateway(BY_SECRET, ("CLIENT_SECRET", "very secret")) as running:
            statuses: list[int] = []
            while len(rig.books.given) < 3:
                answers = await asyncio.gather(*(ask(running) for _ in range(10)))
                statuses += [status for status, _ in answers]
        assert set(statuses) == {200}


@pytest.mark.parametrize("mood", [Mood.REFUSING, Mood.AWAY, Mood.GARBAGE, Mood.NO_JSON])
async def test_without_a_token_the_request_fails_by_its_credential(
    mood: Mood, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rigged(tmp_path, monkeypatch, Books(mood=mood)) as rig:
        async with rig.gateway(BY_SECRET, ("CLIENT_SECRET", "very secret")) as running:
            status, text = await ask(running)
            assert (status, "very secret" in text) == (502, False)
            (seen,) = running.gateway._parts.backend_health.recent().values()
            told = "credential: backend shop/weak can't be called: Entra ID "
            assert seen.last_failure.startswith(told), seen.last_failure
            refusal = "refused the credentials: AADSTS7000215: Invalid client secret provided."
            assert (refusal in seen.last_failure) is (mood is Mood.REFUSING)
            assert ("gave no token" in seen.last_failure) is (mood is not Mood.REFUSING)
            rig.books.mood = Mood.WELL
            await eventually(lambda: good(running))
        assert all(r.headers["authorization"] for r in rig.upstream.received)


async def test_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = {"name": "entra", "key": "tls.pem"}
    auth = {"azure": {**APPLICATION, "certificateRef": reference}}
    async with rigged(tmp_path, monkeypatch) as rig:
        async with rig.gateway(auth) as running:
            status, text = await ask(running)
        assert (status, "key tls.pem of secret shop/entra is not there" in text) == (502, True)
        file = tmp_path / "secrets.json"
        secret = {"namespace": "shop", **reference, "value": await certificate(tmp_path)}
        await asyncio.to_thread(file.write_text, json.dumps([secret]))
        async with rig.gateway(auth, ("WEIR_CREDENTIALS_FILE", str(file))) as running:
            status, text = await ask(running)
            assert status == 200, text
        assert rig.books.asked[0]["client_assertion"].count(".") == 2  # a signed JWT


async def certificate(folder: Path) -> str:
    """An application's certificate and RSA key in one PEM."""
    key, made = folder / "application.key", folder / "application.crt"
    await openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=weir", "-days", "2"),
        *("-keyout", str(key), "-out", str(made)),
    )
    return await asyncio.to_thread(lambda: key.read_text() + made.read_text())
