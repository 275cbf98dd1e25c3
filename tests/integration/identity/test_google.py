"""Backends that are called with Google's tokens, on token servers over real sockets."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from support.drafts import Draft
from support.gateway import HEADERS as JSON
from support.gateway import Running, backend, running_gateway, table, write
from support.gateway_program import gateway_program
from support.identity.books import Books, Mood, guarded
from support.identity.google_server import GoogleServer, google_server
from support.polling import eventually
from support.upstream import Upstream, running_upstream

ASK = json.dumps({"model": "weak", "messages": [{"role": "user", "content": "Hi"}]}).encode()
BY_KEY = {"google": {"env": "GOOGLE_KEY"}}


def with_identity(upstream: Upstream, auth: object, name: str = "weak") -> Draft:
    made = backend(name, upstream.url)
    made.spec["auth"] = auth
    return made


async def good(running: Running) -> bool:
    return (await ask(running))[0] == 200


async def ask(running: Running) -> tuple[int, str]:
    response = await running.chat(ASK)
    return response.status, await response.text()


def variables(server: GoogleServer) -> list[tuple[str, str]]:
    return [("GOOGLE_KEY", server.key_file())]


async def test_a_key_gives_one_token_to_all_its_backends(tmp_path: Path) -> None:
    books = Books()
    async with google_server(books) as server, running_upstream(guarded(books)) as upstream:
        made = table(with_identity(upstream, BY_KEY), with_identity(upstream, BY_KEY, "strong"))
        async with running_gateway(tmp_path, made, variables(server)) as running:
            answers = await asyncio.gather(*(ask(running) for _ in range(8)))
        assert [status for status, _ in answers] == [200] * 8, answers[0][1]
    assert len(books.given) == 1


async def test_tokens_that_expire_in_mid_load_lose_no_request(tmp_path: Path) -> None:
    books = Books(life=1.0)
    async with google_server(books) as server, running_upstream(guarded(books)) as upstream:
        made = table(with_identity(upstream, BY_KEY))
        async with running_gateway(tmp_path, made, variables(server)) as running:
            statuses: list[int] = []
            while len(books.given) < 4:
                answers = await asyncio.gather(*(ask(running) for _ in range(10)))
                statuses += [status for status, _ in answers]
    assert set(statuses) == {200}


async def test_a_revoked_token_is_replaced(tmp_path: Path) -> None:
    books = Books(life=20.0)
    async with google_server(books) as server, running_upstream(guarded(books)) as upstream:
        made = table(with_identity(upstream, BY_KEY))
        async with running_gateway(tmp_path, made, variables(server)) as running:
            assert (await ask(running))[0] == 200
            books.revoke()
            await eventually(lambda: good(running))
    assert len(books.asked) == 2


@pytest.mark.parametrize("mood", [Mood.REFUSING, Mood.AWAY, Mood.GARBAGE, Mood.NO_JSON])
async def test_without_a_token_the_request_fails_by_its_credential(
    mood: Mood, tmp_path: Path
) -> None:
    books = Books(mood=mood)
    async with google_server(books) as server, running_upstream(guarded(books)) as upstream:
        made = table(with_identity(upstream, BY_KEY))
        async with running_gateway(tmp_path, made, variables(server)) as running:
            status, text = await ask(running)
            assert status == 502
            assert "can't be called: Google" in text
            (seen,) = running.gateway._parts.backend_health.recent().values()
            assert seen.last_failure.startswith("credential: backend shop/weak can't be called: ")
            assert ("invalid_grant" in seen.last_failure) is (mood is Mood.REFUSING)
            books.mood = Mood.WELL
            await eventually(lambda: good(running))
    assert all(received.headers["authorization"] for received in upstream.received)


async def test_a_token_server_that_is_away_costs_nothing_until_the_token_expires(
    tmp_path: Path,
) -> None:
    books = Books(life=6.0)
    async with google_server(books) as server, running_upstream(guarded(books)) as upstream:
        made = table(with_identity(upstream, BY_KEY))
        async with running_gateway(tmp_path, made, variables(server)) as running:
            assert (await ask(running))[0] == 200
            books.mood = Mood.AWAY
            asked = len(books.asked)
            while len(books.asked) == asked:  # until a renewal has failed
                assert (await ask(running))[0] == 200
            books.mood = Mood.WELL
            while len(books.given) < 2:
                assert (await ask(running))[0] == 200


async def test_a_missing_or_broken_key_is_told(tmp_path: Path) -> None:
    books = Books()
    async with running_upstream(guarded(books)) as upstream:
        made = table(with_identity(upstream, BY_KEY))
        async with running_gateway(tmp_path, made) as running:
            status, text = await ask(running)
            assert (status, "the environment variable GOOGLE_KEY is not there" in text) == (
                502,
                True,
            )
        broken = [("GOOGLE_KEY", "AIzaSomething")]
        async with running_gateway(tmp_path, made, broken) as running:
            _, text = await ask(running)
            assert "the key is not a service account's in Google's JSON" in text
            assert "AIza" not in text


async def test_federation_exchanges_a_token_and_acts_as_a_service_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Books()
    subject = tmp_path / "subject-token"
    file = tmp_path / "federation.json"
    async with google_server(books) as server, running_upstream(guarded(books)) as upstream:
        await asyncio.to_thread(subject.write_text, "the-pods-token")
        await asyncio.to_thread(file.write_text, server.federation_file(str(subject)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        made = table(with_identity(upstream, {"google": {"quotaProject": "payer"}}))
        async with running_gateway(tmp_path, made) as running:
            status, text = await ask(running)
            assert status == 200, text
    assert "the-pods-token" in books.asked[0].values()
    assert len(books.given) == 2  # the exchanged token, and the service account's
    assert upstream.received[0].headers["x-goog-user-project"] == "payer"


async def test_the_metadata_server_gives_the_gateways_own_identity(tmp_path: Path) -> None:
    """In a process of its own: google-auth reads the metadata server's address when imported."""
    books = Books()
    async with google_server(books) as server, running_upstream(guarded(books)) as upstream:
        file = tmp_path / "table.json"
        write(file, table(with_identity(upstream, {"google": {}})))
        environment = {
            "WEIR_ROUTETABLE_FILE": str(file),
            "WEIR_UPSTREAM_ALLOW": "127.0.0.1",
            "GCE_METADATA_HOST": server.host,
            "GCE_METADATA_IP": server.host,
            "CLOUDSDK_CONFIG": str(tmp_path),  # without a developer's own login
            "GOOGLE_APPLICATION_CREDENTIALS": "",
        }
        async with (
            gateway_program(environment, log=tmp_path / "log") as program,
            aiohttp.ClientSession() as session,
            session.post(f"{program.url}/v1/chat/completions", data=ASK, headers=JSON) as response,
        ):
            assert response.status == 200, await response.text()
    assert len(books.given) == 1
