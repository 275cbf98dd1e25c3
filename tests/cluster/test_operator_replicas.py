"""Several replicas of the operator against a real API server: one truth about all gateways."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.cluster.control_plane import ControlPlane
from support.cluster.operators import OperatorProcess, Site, condition_of, define, own_address, site
from support.forwarding import forwarding
from support.gateway import Running
from support.polling import eventually
from support.resources import backend, policy
from support.upstream import answering, completion, running_upstream

pytestmark = [pytest.mark.cluster, pytest.mark.may_block, pytest.mark.timeout(300)]
BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'
GATEWAYS = 4


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


@dataclass
class Watched:
    """What statuses said, at every look."""

    here: Site
    wrong: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requests: list[int] = field(default_factory=list[int])

    async def look(self) -> None:
        """Note a status that says that fewer gateways are all there are."""
        while True:
            read = await self.here.read("routepolicies", "chat")
            status = read.get("status", {})
            holds = condition_of(read, "Programmed").get("status")
            if (holds == "True") != (status.get("programmed") == f"{GATEWAYS}/{GATEWAYS}"):
                self.wrong.append(status)
            self.requests.append(int(status.get("requests", 0)))
            await asyncio.sleep(0.05)


@asynccontextmanager
async def watched(here: Site) -> AsyncGenerator[Watched]:
    """Look at the policy's status until the block is left."""
    found = Watched(here)
    task = asyncio.create_task(found.look(), name="watch-status")
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait({task})


async def ask(gateways: list[Running], times: int) -> int:
    """Ask each so often; how many requests that were."""
    for gateway in gateways:
        for _ in range(times):
            async with await gateway.chat(BODY) as response:
                assert response.status == 200, await response.text()
    return len(gateways) * times


async def says(here: Site, programmed: str, requests: int) -> None:
    """Wait until the status says so of this generation."""
    last: dict[str, Any] = {}

    async def said() -> bool:
        nonlocal last
        read = await here.read("routepolicies", "chat")
        last = read.get("status", {})
        current = condition_of(read, "Programmed").get("observedGeneration")
        return (
            current == read["metadata"]["generation"]
            and last.get("programmed") == programmed
            and last.get("requests", 0) == requests
        )

    try:
        await eventually(said)
    except TimeoutError:
        raise AssertionError(f"not {programmed}, {requests} but {last}") from None


async def test_every_gateway_counts_and_every_request_once_whoever_leads(here: Site) -> None:
    one, two = here.start(0), here.start(1)
    async with (
        running_upstream(answering(completion()), own_address()) as upstream,
        AsyncExitStack() as stack,
    ):
        ways = [
            await stack.enter_async_context(forwarding(*ports))
            for ports in ((one.port, two.port), (two.port, one.port))
        ]
        gateways = [
            await stack.enter_async_context(here.gateway(n, ways[n % 2])) for n in range(GATEWAYS)
        ]
        urls = {"endpoint": upstream.url}
        await here.apply(backend("weak", **urls), backend("strong", **urls), policy())
        await says(here, "4/4", 0)
        asked = await ask(gateways, 5)
        await says(here, "4/4", asked)
        async with watched(here) as seen:
            (leader,) = [r for r in (one, two) if await _holder(here) == f"operator-{r.number}"]
            leader.kill()
            asked += await ask(gateways, 5)  # while nobody writes
            await says(here, "4/4", asked)
            again = here.start(leader.number, leader.port)
            asked += await ask(gateways, 5)
            (other,) = [r for r in (one, two) if r is not leader]
            assert await _holder(here) == f"operator-{other.number}"
            await _serves(here, again)
            other.kill()
            asked += await ask(gateways, 5)
            await says(here, "4/4", asked)
        assert seen.requests == sorted(seen.requests)
        assert max(seen.requests) <= asked
        assert seen.wrong == []
        await here.apply(policy("chat", objective={"threshold": "0.9"}))
        await says(here, "4/4", asked)


async def test_a_dead_replica_s_gateway_that_does_not_come_back_is_counted_no_more(
    here: Site,
) -> None:
    one = here.start(0)
    async with here.gateway(0, one.port):
        await here.apply(backend("weak"), backend("strong"), policy())
        await says(here, "1/1", 0)
        two = here.start(1)
        async with here.gateway(1, two.port):
            await says(here, "2/2", 0)
            two.kill()  # this gateway knows no other replica
            await says(here, "1/1", 0)


async def test_usage_while_no_operator_runs_is_told_later(here: Site) -> None:
    operator = here.start()
    async with running_upstream(answering(completion()), own_address()) as upstream:
        urls = {"endpoint": upstream.url}
        async with here.gateway(0, operator.port) as gateway:
            await here.apply(backend("weak", **urls), backend("strong", **urls), policy())
            await says(here, "1/1", 0)
            asked = await ask([gateway], 3)
            await says(here, "1/1", asked)
            operator.kill()
            asked += await ask([gateway], 7)
            operator = here.start(port=operator.port)
            await says(here, "1/1", asked)
            asked += await ask([gateway], 2)
        # The gateway has ended: it said goodbye with its last sums.
        await says(here, "0/0", asked)
        async with here.gateway(0, operator.port) as gateway:  # the same name, another life
            await says(here, "1/1", asked)
            asked += await ask([gateway], 4)
            await says(here, "1/1", asked)
            await here.kubectl("delete", "rp", "chat")
            await here.apply(policy())  # made anew: its sums begin at nothing
            await says(here, "1/1", 0)
            await says(here, "1/1", await ask([gateway], 1))


async def test_a_backend_s_health_is_what_the_gateways_see(here: Site) -> None:
    operator = here.start()
    async with (
        running_upstream(answering(completion()), own_address()) as upstream,
        here.gateway(0, operator.port) as gateway,
    ):
        good, bad = {"endpoint": upstream.url}, {"endpoint": f"http://{own_address()}:9/v1"}
        await here.apply(backend("weak", **good), backend("strong", **good), policy())
        await here.until("weak", "Healthy", "modelbackends", status="Unknown", reason="NoTraffic")
        await says(here, "1/1", 0)
        await ask([gateway], 1)
        await here.until("weak", "Healthy", "modelbackends", status="True", reason="Healthy")
        await here.apply(backend("weak", **bad))
        await here.until("weak", "Healthy", "modelbackends", status="Unknown", reason="NoTraffic")
        await here.until("chat", "Programmed", status="True")
        async with await gateway.chat(BODY) as response:
            assert response.status == 502
        said = await here.until("weak", "Healthy", "modelbackends", status="False")
        assert "connect" in said
        events = await here.kubectl("get", "events", "--field-selector=reason=Failing")
        assert "modelbackend/weak" in events


async def _serves(here: Site, operator: OperatorProcess) -> None:
    async def ready() -> bool:
        return "a replica relays" in here.logs and "relaying" in operator.said

    await eventually(ready)


async def _holder(here: Site) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{here.namespace}/leases/weir-operator"
    return str((await here.request("GET", path))[1]["spec"].get("holderIdentity"))
