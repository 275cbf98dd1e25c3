"""A gateway that asks for keys: who comes in, who doesn't, and where a key never goes."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.gateway import Running, backend, running_gateway, table
from support.upstream import answering, completion, running_upstream
from weir_cli.ledger.sums import read_sums
from weir_gateway.adapters.keys import KeysError

KEY = "wk-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
NARROW = "wk-narrow-6789abcdefghijklmnopqrstuvwxyzABCDEF"
BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
DIRECT = b'{"model":"weak","messages":[{"role":"user","content":"hi"}]}'
ANTHROPIC = {"anthropic-version": "2023-06-01"}


def write(path: Path, *keys: Mapping[str, object]) -> None:
    entries = [
        {**{k: v for k, v in key.items() if k != "key"}, "sha256": digest(str(key["key"]))}
        for key in keys
    ]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": entries}))
    fresh.replace(path)


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def settings(folder: Path) -> list[tuple[str, str]]:
    ledger = str(folder / "ledger.db")
    return [
        ("WEIR_KEYS", str(folder / "keys.json")),
        ("WEIR_KEYS_CHECK", "10ms"),
        ("WEIR_LEDGER", ledger),
    ]


async def asked(running: Running, body: bytes = BODY, **headers: str) -> tuple[int, str]:
    async with await running.chat(body, **headers) as response:
        told = await response.json()
        return response.status, told["error"]["code"] if "error" in told else ""


async def models(running: Running, key: str) -> list[str]:
    url, headers = f"{running.url}/v1/models", {"Authorization": f"Bearer {key}"}
    async with running.session.get(url, headers=headers) as response:
        return [model["id"] for model in (await response.json())["data"]]


async def test_who_comes_in(tmp_path: Path) -> None:
    write(
        tmp_path / "keys.json",
        {"name": "a", "key": KEY},
        {"name": "narrow", "key": NARROW, "policies": ["other/*"]},
    )
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, settings(tmp_path)) as running:
            assert await asked(running, Authorization=f"Bearer {KEY}") == (200, "")
            assert await asked(running, x_api_key=KEY) == (200, "")
            assert await asked(running, x_weir_key=KEY, Authorization="Bearer sk-x") == (200, "")
            assert await asked(running) == (401, "invalid_api_key")
            for wrong in (KEY, "Bearer ", f"Bearer {KEY}x"):
                assert await asked(running, Authorization=wrong) == (401, "invalid_api_key")
            assert await asked(running, x_api_key="x" * 4000) == (401, "invalid_api_key")
            assert await asked(running, x_api_key=NARROW) == (403, "key_not_permitted")
            assert await models(running, KEY)
            assert await models(running, NARROW) == []
        for received in upstream.received:
            assert KEY not in str(received)
    by_key = {line.group: line.requests for line in read_sums(tmp_path / "ledger.db", "key", 0)[0]}
    assert by_key == {"a": 3}


async def test_rights_narrow_what_a_policy_exposes(tmp_path: Path) -> None:
    write(tmp_path / "keys.json", {"name": "a", "key": KEY, "direct": False})
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, settings(tmp_path)) as running:
            assert await asked(running, DIRECT, x_api_key=KEY) == (403, "key_not_permitted")
            assert await asked(running, x_api_key=KEY) == (200, "")


async def test_every_path_asks_and_in_the_clients_shape(tmp_path: Path) -> None:
    write(tmp_path / "keys.json", {"name": "a", "key": KEY})
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, settings(tmp_path)) as running:
            async with running.session.get(f"{running.url}/v1/models") as response:
                assert response.status == 401
            url = f"{running.url}/v1/models?api_key={KEY}"
            async with running.session.get(url) as response:
                assert (response.status, "URL" in await response.text()) == (401, True)
            async with running.session.get(f"{running.url}/v1/models", headers=ANTHROPIC) as denied:
                assert (await denied.json())["error"]["type"] == "authentication_error"


async def test_a_passthrough_client_keeps_its_providers_key(tmp_path: Path) -> None:
    write(tmp_path / "keys.json", {"name": "a", "key": KEY})
    async with running_upstream(answering(completion())) as upstream:
        weak = backend("weak", upstream.url)
        weak.spec["auth"] = {"passthrough": True}
        async with running_gateway(tmp_path, table(weak), settings(tmp_path)) as running:
            await asked(running, x_weir_key=KEY, Authorization="Bearer sk-theirs")
            await asked(running, Authorization=f"Bearer {KEY}")
        sent = [received.headers.get("authorization") for received in upstream.received]
        assert sent == ["Bearer sk-theirs", None]


async def test_a_revoked_key_ends_and_a_broken_file_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    write(path, {"name": "a", "key": KEY}, {"name": "b", "key": NARROW})
    async with running_upstream(answering(completion())) as upstream:
        made = table(backend("weak", upstream.url))
        async with running_gateway(tmp_path, made, settings(tmp_path)) as running:
            write(path, {"name": "b", "key": NARROW})
            async with asyncio.timeout(10):
                while (await asked(running, x_api_key=KEY))[0] == 200:
                    pass
            path.write_text("{")
            async with asyncio.timeout(10):
                while not any("last good client keys" in r.message for r in caplog.records):
                    assert await asked(running, x_api_key=NARROW) == (200, "")
            assert await asked(running, x_api_key=NARROW) == (200, "")
    assert all(r.levelno < logging.CRITICAL for r in caplog.records)


async def test_without_a_good_file_it_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("[]")
    with pytest.raises(KeysError, match="not valid"):
        async with running_gateway(tmp_path, None, settings(tmp_path)):
            pass
