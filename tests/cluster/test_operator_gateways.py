"""The operator against a real API server, with real gateways on its stream: what users rely on."""

import asyncio
import base64
import gzip
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.cluster.binaries import Binaries
from support.cluster.control_plane import ControlPlane, control_plane
from support.cluster.operators import Site, condition_of, define, own_address, site
from support.polling import eventually
from support.resources import Wire, backend, policy, secret
from support.upstream import answering, completion, running_upstream

pytestmark = [pytest.mark.cluster, pytest.mark.may_block, pytest.mark.timeout(300)]
BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
FIRST, SECOND = "sk-first-secret-value", "sk-second-secret-value"
ALL = ("Accepted", "ResolvedRefs", "Programmed", "Ready")


@pytest.fixture(scope="module")
def plane(api_server: ControlPlane) -> ControlPlane:
    """The shared API server, which knows both definitions."""
    define(api_server)
    return api_server


@pytest.fixture
async def here(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Site]:
    """A namespace of its own for each test."""
    async with site(plane, tmp_path) as made:
        yield made


def two_backends(**spec: Any) -> tuple[Wire, Wire]:
    """`weak` and `strong`, alike but for their names."""
    return backend("weak", **spec), backend("strong", **spec)


def keyed(url: str = "https://api.example.com/v1") -> dict[str, Any]:
    """A backend's endpoint and the Secret that its key is in."""
    return {"endpoint": url, "auth": {"secretRef": {"name": "weir-keys", "key": "openai"}}}


async def test_apply_is_programmed_and_kubectl_shows_and_waits_for_it(here: Site) -> None:
    operator = here.start()
    async with here.gateway(0, operator.port):
        await here.apply(*two_backends(), policy())
        await here.kubectl("wait", "--for=condition=Programmed", "--timeout=60s", "rp/chat")
        await here.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "rp/chat")
        read = await here.read("routepolicies", "chat")
        columns = (await here.kubectl("get", "rp")).splitlines()
    assert read["status"]["programmed"] == "1/1"
    assert [c["type"] for c in read["status"]["conditions"]] == list(ALL)
    assert {c["observedGeneration"] for c in read["status"]["conditions"]} == {1}
    assert "finalizers" not in read["metadata"]
    applied = {"kubectl.kubernetes.io/last-applied-configuration"}
    assert set(read["metadata"].get("annotations", {})) == applied
    assert columns[0].split()[:3] == ["NAME", "READY", "PROGRAMMED"]
    assert columns[1].split()[:3] == ["chat", "True", "1/1"]
    assert operator.end() == 0


async def test_what_is_wrong_is_a_condition_that_says_what_to_do(here: Site) -> None:
    operator = here.start()
    async with here.gateway(0, operator.port):
        metadata = backend("metadata", endpoint="http://169.254.169.254/v1")
        rule = {"name": "bad", "when": "request.turnz > 3", "use": "strong"}
        await here.apply(
            *two_backends(),
            policy("a-first"),
            policy("b-second"),
            policy(
                "unknown",
                match={"models": ["u"]},
                candidates=[{"backend": "weak"}, {"backend": "none"}],
            ),
            policy("cel", match={"models": ["c"]}, rules=[rule]),
            metadata,
            backend("keyless", **keyed()),
            backend("forbidden", auth={"secretRef": {"name": "another", "key": "openai"}}),
        )
        await here.until("a-first", "Ready", status="True")
        lost = await here.until("b-second", "Accepted", status="False", reason="Conflict")
        assert "a-first" in lost
        await here.until("b-second", "Programmed", status="False", reason="NotValid")
        said = await here.until("unknown", "ResolvedRefs", status="False", reason="UnknownBackend")
        assert "none" in said
        said = await here.until("cel", "Accepted", status="False", reason="InvalidRule")
        assert "turnz" in said
        where = "modelbackends"
        reason = "EndpointNotPermitted"
        await here.until("metadata", "Accepted", where, status="False", reason=reason)
        await here.until("keyless", "ResolvedRefs", where, status="False", reason="SecretNotFound")
        reason = "SecretNotReadable"
        await here.until("forbidden", "ResolvedRefs", where, status="False", reason=reason)


async def test_a_deleted_backend_that_is_in_use_is_told_and_mends(here: Site) -> None:
    operator = here.start()
    async with here.gateway(0, operator.port):
        await here.apply(*two_backends(), policy())
        await here.until("chat", "Ready", status="True")
        await here.kubectl("delete", "modelbackend", "strong")
        await here.until("chat", "ResolvedRefs", status="False", reason="UnknownBackend")
        before = condition_of(await here.read("routepolicies", "chat"), "Ready")
        assert before["status"] == "False"
        await here.apply(backend("strong"))
        await here.until("chat", "Ready", status="True")


async def test_a_rotated_secret_reaches_the_gateway_and_nothing_else(here: Site) -> None:
    operator = here.start(WEIR_LOG_LEVEL="debug")
    async with (
        running_upstream(answering(completion()), own_address()) as upstream,
        here.gateway(0, operator.port) as gateway,
    ):
        await here.apply(
            secret("weir-keys", openai=FIRST), *two_backends(**keyed(upstream.url)), policy()
        )
        await here.until("chat", "Ready", status="True")
        keys: list[str] = []

        async def asked(key: str) -> None:
            async with asyncio.timeout(30):
                while not keys or keys[-1] != f"Bearer {key}":
                    async with await gateway.chat(BODY) as response:
                        assert response.status == 200, await response.text()
                    keys.append(upstream.received[-1].headers.get("authorization", ""))
                    await asyncio.sleep(0.05)

        await asked(FIRST)
        await here.apply(secret("weir-keys", openai=SECOND))
        await asked(SECOND)
        await here.apply(secret("weir-keys", openai="not\na key"))
        where = "modelbackends"
        await here.until("strong", "ResolvedRefs", where, status="False", reason="SecretInvalid")
        events = await here.kubectl("get", "events", "-o", "json")
        table = await here.kubectl("get", "configmap", "weir-routetable", "-o", "json")
        resources = await here.kubectl("get", "weir", "-o", "json")
    assert json.loads(events)["items"]
    assert "weir-keys" in table or "routetable.json" in table
    for text in (events, table, resources, here.logs):
        for value in (FIRST, SECOND, "not\\na key"):
            assert value not in text


async def test_a_change_reaches_five_gateways(here: Site) -> None:
    operator = here.start()
    async with AsyncExitStack() as stack:
        for number in range(5):
            await stack.enter_async_context(here.gateway(number, operator.port))
        await here.apply(*two_backends(), policy())
        await here.until("chat", "Ready", status="True")
        taken: list[float] = []
        for change in range(20):
            began = time.perf_counter()
            await here.request(
                *("PUT", _path(here)), await _with_threshold(here, f"0.{change + 10}")
            )
            await here.until("chat", "Programmed", status="True")
            taken.append(time.perf_counter() - began)
        read = await here.read("routepolicies", "chat")
    assert read["status"]["programmed"] == "5/5"
    assert read["metadata"]["generation"] == 21
    print(f"status after a change: {sorted(taken)[len(taken) // 2] * 1000:.0f} ms at the median")  # noqa: T201 - for who runs it


def _path(here: Site) -> str:
    return f"/apis/weir.dev/v1alpha1/namespaces/{here.namespace}/routepolicies/chat"


async def _with_threshold(here: Site, threshold: str) -> Wire:
    read = await here.read("routepolicies", "chat")
    return {**read, "spec": {**read["spec"], "objective": {"threshold": threshold}}}


async def test_a_table_beyond_a_megabyte_is_kept_packed_and_a_gateway_starts_from_it(
    here: Site, tmp_path: Path
) -> None:
    operator = here.start()
    long = "request.text != '" + "weir " * 390 + "'"  # about as long as a rule may be
    rules = [{"name": f"r{n}", "when": long, "use": "weak"} for n in range(32)]
    many = [policy(f"p{n}", match={"models": [f"m{n}"]}, rules=rules) for n in range(20)]
    await here.apply(*two_backends(), *many)
    path = f"/api/v1/namespaces/{here.namespace}/configmaps/weir-routetable"
    mounted = tmp_path / "routetable.json.gz"

    async def packed() -> bool:
        read = (await here.request("GET", path))[1]
        data = base64.b64decode(read.get("binaryData", {}).get("routetable.json.gz", ""))
        if not data or read.get("data"):
            return False
        mounted.write_bytes(data)
        return len(json.loads(gzip.decompress(data))["policies"]) == len(many)

    await eventually(packed)
    assert len(gzip.decompress(mounted.read_bytes())) > 1_000_000
    operator.kill()
    file = str(tmp_path / "routetable.json")
    async with (
        here.gateway(0, operator.port, WEIR_ROUTETABLE_FILE=file) as gateway,
        gateway.session.get(f"{gateway.url}/v1/models") as response,
    ):
        assert len((await response.json())["data"]) == len(many)
    here.start(port=operator.port)
    await here.kubectl("delete", "rp", "--all")
    await here.apply(policy())

    async def plain() -> bool:
        read = (await here.request("GET", path))[1]
        return "routetable.json" in read.get("data", {}) and not read.get("binaryData")

    await eventually(plain)


async def test_a_killed_operator_costs_no_request_and_its_status_is_right_again(here: Site) -> None:
    operator = here.start()
    async with (
        running_upstream(answering(completion()), own_address()) as upstream,
        here.gateway(0, operator.port) as gateway,
    ):
        await here.apply(*two_backends(endpoint=upstream.url), policy())
        await here.until("chat", "Ready", status="True")
        operator.kill()
        async with await gateway.chat(BODY) as response:
            assert response.status == 200
        await here.apply(policy("chat", objective={"threshold": "0.9"}))
        await here.apply(policy("late", match={"models": ["late"]}))
        await here.kubectl("delete", "modelbackend", "strong")
        again = here.start(port=operator.port)
        await here.until("chat", "ResolvedRefs", status="False", reason="UnknownBackend")
        await here.apply(backend("strong", endpoint=upstream.url))
        await here.until("chat", "Ready", status="True")
        await here.until("late", "Ready", status="True")
        async with await gateway.chat(BODY) as response:
            assert response.status == 200

        async def counted() -> bool:
            status = (await here.read("routepolicies", "chat"))["status"]
            return int(status.get("requests", 0)) >= 1

        await eventually(counted)
    assert again.end() == 0


async def test_two_replicas_one_writes_and_the_other_takes_over(here: Site) -> None:
    first = here.start(0)
    async with here.gateway(0, first.port):
        await here.apply(*two_backends(), policy())
        await here.until("chat", "Ready", status="True")
        second = here.start(1)
        async with here.gateway(1, second.port):
            assert await _holder(here) == "operator-0"
            first.kill()
            await here.apply(policy("chat", objective={"threshold": "0.9"}))
            await _programmed(here, "1/1")
            assert await _holder(here) == "operator-1"


async def _programmed(here: Site, of: str) -> None:
    async def shown() -> bool:
        read = await here.read("routepolicies", "chat")
        generation = condition_of(read, "Programmed").get("observedGeneration")
        current = generation == read["metadata"]["generation"]
        return current and read["status"].get("programmed") == of

    await eventually(shown)


async def _holder(here: Site) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{here.namespace}/leases/weir-operator"
    return str((await here.request("GET", path))[1]["spec"].get("holderIdentity"))


@pytest.fixture
def own_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """An API server that may be stopped."""
    with control_plane(binaries) as plane:
        define(plane)
        yield plane


async def test_the_api_server_goes_away_and_comes_back(
    own_plane: ControlPlane, tmp_path: Path
) -> None:
    async with site(own_plane, tmp_path) as here:
        operator = here.start()
        async with (
            running_upstream(answering(completion()), own_address()) as upstream,
            here.gateway(0, operator.port) as gateway,
        ):
            await here.apply(*two_backends(endpoint=upstream.url), policy())
            await here.until("chat", "Ready", status="True")
            await asyncio.to_thread(own_plane.stop_api_server)
            await asyncio.sleep(5)  # how long it is away: long enough for watch and Lease to break
            async with await gateway.chat(BODY) as response:
                assert response.status == 200
            async with (
                here.gateway(0, operator.port) as restarted,
                await restarted.chat(BODY) as response,
            ):
                assert response.status == 200
            await asyncio.to_thread(own_plane.start_api_server)
            await here.apply(policy("chat", objective={"threshold": "0.9"}))
            await here.kubectl("delete", "modelbackend", "strong")
            await here.until("chat", "ResolvedRefs", status="False", reason="UnknownBackend")
            await here.apply(backend("strong", endpoint=upstream.url))
            await here.until("chat", "Ready", status="True")
        assert operator.process.poll() is None
