"""Secrets: read by name, only those in use, and told when they change."""

import asyncio

import pytest

from support.fake_cluster import FakeCluster
from support.resources import backend
from weir_operator.apply.cluster import FORBIDDEN, ClusterError, JsonObject
from weir_operator.apply.secret_cache import SecretCache
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import Resources, gather

KEY = ("shop", "keys")


def wire(value: str) -> JsonObject:
    """A Secret as the API server gives it; `value` in base64."""
    return {"metadata": {"name": "keys", "namespace": "shop"}, "data": {"k": value}}


def resources(*names: str) -> Resources:
    """A backend for each Secret's name."""
    documents = [
        backend(f"b{n}", auth={"secretRef": {"name": name, "key": "k"}})
        for n, name in enumerate(names)
    ]
    return gather(p.resource for p in map(parse, documents) if p.resource)


def values(complete: Resources) -> dict[str, bytes]:
    """What the Secrets' key k holds, by name."""
    return {s.meta.ref.name: s.values["k"] for s in complete.secrets}


async def test_only_what_is_referred_to_is_read_and_only_once() -> None:
    cluster = FakeCluster(secrets={KEY: wire("c2stb25l")})
    secrets = SecretCache(cluster, asyncio.Event())
    assert values(await secrets.with_secrets(resources("keys", "keys"))) == {"keys": b"sk-one"}
    assert values(await secrets.with_secrets(resources("keys"))) == {"keys": b"sk-one"}
    assert cluster.asked == [KEY]


async def test_a_rotated_secret_is_told_and_an_unchanged_one_is_not() -> None:
    cluster, changed = FakeCluster(secrets={KEY: wire("c2stb25l")}), asyncio.Event()
    secrets = SecretCache(cluster, changed)
    await secrets.with_secrets(resources("keys"))
    await secrets.refresh()
    assert not changed.is_set()
    cluster.secrets[KEY] = wire("c2stdHdv")
    await secrets.refresh()
    assert changed.is_set()
    assert values(await secrets.with_secrets(resources("keys"))) == {"keys": b"sk-two"}


async def test_one_that_is_missing_is_looked_for_again() -> None:
    cluster, changed = FakeCluster(), asyncio.Event()
    secrets = SecretCache(cluster, changed)
    assert (await secrets.with_secrets(resources("keys"))).secrets == ()
    cluster.secrets[KEY] = wire("c2stb25l")
    await secrets.refresh()
    assert changed.is_set()


async def test_one_that_may_not_be_read_is_told_apart_from_one_that_is_missing() -> None:
    cluster = FakeCluster(secrets={KEY: ClusterError("no", FORBIDDEN)})
    secrets = SecretCache(cluster, asyncio.Event())
    complete = await secrets.with_secrets(resources("keys"))
    assert (complete.secrets, complete.unreadable) == ((), frozenset({KEY}))


async def test_while_the_api_server_is_away_what_is_held_stays() -> None:
    cluster, changed = FakeCluster(secrets={KEY: wire("c2stb25l")}), asyncio.Event()
    secrets = SecretCache(cluster, changed)
    await secrets.with_secrets(resources("keys"))
    cluster.failing = ClusterError("away")
    with pytest.raises(ClusterError):
        await secrets.refresh()
    assert values(await secrets.with_secrets(resources("keys"))) == {"keys": b"sk-one"}
    with pytest.raises(ClusterError):
        await secrets.with_secrets(resources("keys", "other"))


async def test_what_is_no_longer_referred_to_is_forgotten() -> None:
    cluster = FakeCluster(secrets={KEY: wire("c2stb25l")})
    secrets = SecretCache(cluster, asyncio.Event())
    await secrets.with_secrets(resources("keys"))
    await secrets.with_secrets(resources())
    await secrets.refresh()
    assert cluster.asked == [KEY]
