"""Tables from a file: swapped under load, refused and kept, and the keys that they name."""

import asyncio
import io
import logging
from pathlib import Path

import pytest

from support.gateway import Running, backend, running_gateway, running_scorer, table, write
from support.polling import eventually
from support.scorer_server import ScriptedScorer
from support.upstream import answering, completion, running_upstream

BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
KEY = "sk-very-secret-value"


async def _version(gateway: Running, version: str) -> None:
    """Wait until `version` is in force."""
    await _shows(gateway, f'weir_routetable_version{{version="{version}"}} 1.0')


async def _shows(gateway: Running, metric: str) -> None:
    async def shown() -> bool:
        return metric in await gateway.metrics()

    await eventually(shown)


async def test_a_hundred_swaps_under_load_lose_no_request(tmp_path: Path) -> None:
    done = asyncio.Event()
    statuses: list[int] = []

    async def client(gateway: Running) -> None:
        while not done.is_set():
            async with await gateway.chat(BODY) as response:
                await response.read()
                statuses.append(response.status)

    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url), version="v0")) as gateway,
        asyncio.TaskGroup() as clients,
    ):
        for _ in range(8):
            clients.create_task(client(gateway))
        for number in range(1, 101):
            write(gateway.file, table(backend("weak", upstream.url), version=f"v{number}"))
            await _version(gateway, f"v{number}")
        done.set()
    assert len(statuses) > 100
    assert set(statuses) == {200}


@pytest.mark.parametrize(
    "text",
    ["", "not json", '{"version":"v2","policies":[{"id":"shop/chat","candidates":["none"]}]}'],
    ids=["empty", "not JSON", "an unknown backend"],
)
async def test_a_bad_file_keeps_the_last_good_table(tmp_path: Path, text: str) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        gateway.file.write_text(text)
        write(gateway.file.with_name("other.json"), table(backend("weak", upstream.url)))
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        write(gateway.file, table(backend("weak", upstream.url), version="v3"))
        await _version(gateway, "v3")


async def test_a_rule_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    async with (
        running_upstream(answering(completion())) as upstream,
        running_gateway(tmp_path, table(backend("weak", upstream.url))) as gateway,
    ):
        broken = table(backend("weak", upstream.url), version="v2")
        broken.policies[0].spec["rules"] = [
            {"name": "bad", "when": "request.turns >", "use": "weak"}
        ]
        write(gateway.file, broken)
        await _shows(gateway, 'result="refused"')
        async with await gateway.chat(BODY) as response:
            assert response.status == 200


async def test_a_table_whose_probe_does_not_hold_is_refused(tmp_path: Path) -> None:
    scorer = ScriptedScorer(score=lambda text: 0.9 if "prove" in text else 0.1)
    async with (
        running_scorer(tmp_path, scorer) as served,
        running_upstream(answering(completion())) as upstream,
    ):
        two = (backend("weak", upstream.url), backend("strong", upstream.url))
        probed = table(*two)
        probed.policies[0].spec["probes"] = [{"prompt": "prove it", "expect": "strong"}]
        variables = [("WEIR_SCORER", served.target), ("WEIR_SCORE_WITHIN", "5s")]
        async with running_gateway(tmp_path, probed, variables) as gateway:
            await _version(gateway, "v1")
            wrong = table(*two, version="v2")
            wrong.policies[0].spec["probes"] = [{"prompt": "what is 2+2?", "expect": "strong"}]
            write(gateway.file, wrong)
            await _shows(gateway, 'result="refused"')
            async with await gateway.chat(BODY) as response:
                assert response.status == 200
            await _version(gateway, "v1")


async def test_probes_that_cannot_be_decided_hold_nothing_up(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        probed = table(backend("weak", upstream.url), backend("strong", upstream.url))
        probed.policies[0].spec["probes"] = [{"prompt": "prove it", "expect": "strong"}]
        async with (
            running_gateway(tmp_path, probed) as gateway,
            await gateway.chat(BODY) as response,
        ):
            assert response.headers["x-weir-reason"] == "scorer_unavailable"


async def test_a_config_maps_links_are_followed(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        for version in ("v1", "v2"):
            folder = tmp_path / version
            folder.mkdir()
            write(
                folder / "routetable.json",
                table(backend("weak", upstream.url), version=version),
            )
        (tmp_path / "..data").symlink_to("v1")
        (tmp_path / "routetable.json").symlink_to("..data/routetable.json")
        async with running_gateway(tmp_path, None) as gateway:
            await _version(gateway, "v1")
            (tmp_path / "..new").symlink_to("v2")
            (tmp_path / "..new").rename(tmp_path / "..data")
            await _version(gateway, "v2")


async def test_without_a_table_it_is_not_ready_and_says_why(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, None) as gateway:
        async with await gateway.chat(BODY) as response:
            assert response.status == 503
            assert (await response.json())["error"]["code"] == "no_route_table"
        admin = f"http://{gateway.gateway.bound_admin}/readyz"
        async with gateway.session.get(admin) as response:
            assert response.status == 503
            assert "route table" in await response.text()


async def test_credentials_reach_the_provider_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running_upstream(answering(b"<html>no", 401)) as upstream:
        keyed = backend("weak", upstream.url)
        keyed.spec["auth"] = {"env": "SOME_KEY"}
        missing = backend("strong", upstream.url)
        missing.spec["auth"] = {"env": "NO_KEY"}
        async with running_gateway(
            tmp_path, table(keyed, missing), [("SOME_KEY", KEY), ("WEIR_LOG_LEVEL", "debug")]
        ) as gateway:
            seen = io.StringIO()
            for model in (b'"weak"', b'"strong"'):
                async with await gateway.chat(BODY.replace(b'"auto"', model)) as response:
                    seen.write(f"{response.status} {response.headers} {await response.text()}")
            seen.write(await gateway.metrics())
            assert upstream.received[0].headers["authorization"] == f"Bearer {KEY}"
            assert len(upstream.received) == 1
    assert "NO_KEY" in seen.getvalue()
    assert KEY not in seen.getvalue() + caplog.text


async def test_the_clients_key_goes_up_only_where_the_backend_says_so(tmp_path: Path) -> None:
    async with running_upstream(answering(completion())) as upstream:
        through = backend("weak", upstream.url)
        through.spec["auth"] = {"passthrough": True}
        async with running_gateway(tmp_path, table(through)) as gateway:
            async with await gateway.chat(BODY, Authorization="Bearer client") as response:
                assert response.status == 200
            assert upstream.received[0].headers["authorization"] == "Bearer client"
