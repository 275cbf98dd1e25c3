"""Hundreds of random changes and killed operators: statuses end as the planner says, in few writes.

Every change is a real request to a real API server, each operator a process that is killed with
SIGKILL, the gateway a real one. Every version of every resource is seen by a watch, so every write
of a status is counted.
"""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.cluster.control_plane import ControlPlane
from support.cluster.operators import OperatorProcess, Site, define, site
from support.polling import eventually
from support.resources import Wire, backend, policy, secret
from weir_operator.apply.gateways import GatewayState
from weir_operator.apply.progress import RolloutState, progress_of
from weir_operator.apply.status import backend_status_of, conditions_in, status_of
from weir_operator.apply.table_publisher import TablePublisher, contents_of, snapshot_of
from weir_operator.apply.usage import Tally
from weir_operator.plan.check import Form
from weir_operator.plan.compile import Plan, compile_table
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import ResourceKind, gather

pytestmark = [pytest.mark.cluster, pytest.mark.may_block, pytest.mark.timeout(300)]
SEED = 20260101
CHANGES = 300
KILLS = 5
PAUSE = 0.15  # seconds at most between two changes
PLURALS = {ResourceKind.POLICY: "routepolicies", ResourceKind.BACKEND: "modelbackends"}
POLICIES = [f"p{n}" for n in range(8)]
BACKENDS = ["weak", "strong", "spare"]
GONE = {404, 409}


@pytest.fixture(scope="module")
def plane(api_server: ControlPlane) -> ControlPlane:
    """The shared API server, which knows both definitions."""
    define(api_server)
    return api_server


@pytest.fixture
async def here(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Site]:
    """A namespace of its own."""
    async with site(plane, tmp_path) as made:
        yield made


@dataclass
class Seen:
    """Every version of every resource, as a watch tells."""

    generations: dict[str, int] = field(default_factory=dict[str, int])  # by uid
    changes: int = 0
    writes: int = 0
    most: dict[str, int] = field(default_factory=dict[str, int])  # of one generation

    def take(self, event: Mapping[str, Any]) -> None:
        """One event: a new generation is a change, the same one again a write of its status."""
        metadata = event["object"]["metadata"]
        uid, generation = metadata["uid"], metadata["generation"]
        if event["type"] == "MODIFIED" and self.generations.get(uid) == generation:
            self.writes += 1
            name = f"{metadata['name']} {uid} {generation}"
            self.most[name] = self.most.get(name, 0) + 1
        else:
            self.changes += 1
        self.generations[uid] = generation


@asynccontextmanager
async def watching(here: Site) -> AsyncGenerator[Seen]:
    """Watch both kinds until the block is left."""
    seen = Seen()
    headers = {"Authorization": f"Bearer {here.plane.token}"}
    tls = ssl.create_default_context(cadata=here.plane.ca)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(here.plane.url, headers=headers, timeout=timeout) as session:

        async def watch(plural: str) -> bool:
            path = f"/apis/weir.dev/v1alpha1/namespaces/{here.namespace}/{plural}"
            params = {"watch": "true", "allowWatchBookmarks": "false"}
            async with session.get(path, params=params, ssl=tls) as response:
                if response.status == 429:  # a definition that is new is still being read
                    return False
                assert response.status == 200, await response.text()
                async for line in response.content:
                    event = json.loads(line)
                    assert event["type"] in {"ADDED", "MODIFIED", "DELETED"}, event
                    seen.take(event)
            return True

        async def watch_on(plural: str) -> None:
            while not await watch(plural):  # noqa: ASYNC110 - the API server has no event for it
                await asyncio.sleep(0.1)

        tasks = [asyncio.create_task(watch_on(p), name=f"watch-{p}") for p in PLURALS.values()]
        try:
            yield seen
        finally:
            broken = [task.exception() for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert not broken, broken


class Chaos:
    """Random changes, good and bad, the same ones for the same seed."""

    def __init__(self, here: Site, seed: int) -> None:
        self._here = here
        self._chance = random.Random(seed)

    async def change(self) -> None:
        """One create, update or delete."""
        what = self._chance.choices(("policy", "backend", "secret"), (6, 3, 1))[0]
        if what == "policy":
            await self._put_or_delete("routepolicies", self._policy())
        elif what == "backend":
            await self._put_or_delete("modelbackends", self._backend())
        else:
            await self._put_or_delete("secrets", self._secret())

    def _policy(self) -> Wire:
        chance = self._chance
        spec: dict[str, Any] = {
            "match": {"models": [f"m{chance.randrange(6)}"]},
            "candidates": [{"backend": name} for name in chance.sample(BACKENDS, 2)],
            "objective": {"threshold": f"0.{chance.randrange(1, 10)}"},
        }
        bad = chance.random()
        if bad < 0.1:
            use = chance.choice(names_of(spec))
            spec["rules"] = [{"name": "r", "when": "request.turnz > 1", "use": use}]
        elif bad < 0.2:
            spec["router"] = {"name": "bert"}
        elif bad < 0.3:
            spec["candidates"] = [{"backend": "weak"}, {"backend": "never-there"}]
        return policy(chance.choice(POLICIES), **spec)

    def _backend(self) -> Wire:
        chance = self._chance
        endpoint = chance.choice(
            ("https://a.example.com/v1", "https://b.example.com/v1", "http://169.254.169.254/v1")
        )
        spec: dict[str, Any] = {"endpoint": endpoint}
        if chance.random() < 0.5:
            key = chance.choice(("openai", "openai", "no-such-key"))
            spec["auth"] = {"secretRef": {"name": "weir-keys", "key": key}}
        return backend(chance.choice(BACKENDS), **spec)

    def _secret(self) -> Wire:
        return secret("weir-keys", openai=self._chance.choice(("sk-one", "sk-two", "not\na key")))

    async def _put_or_delete(self, plural: str, document: Wire) -> None:
        metadata: Any = document["metadata"]
        metadata["namespace"] = self._here.namespace
        group = "/api/v1" if plural == "secrets" else "/apis/weir.dev/v1alpha1"
        path = f"{group}/namespaces/{self._here.namespace}/{plural}"
        one = f"{path}/{metadata['name']}"
        if self._chance.random() < 0.25:
            status, reply = await self._here.request("DELETE", one)
            assert status in {200, *GONE}, reply
            return
        status, found = await self._here.request("GET", one)
        if status == 200:
            document["metadata"] = found["metadata"]
            status, reply = await self._here.request("PUT", one, document)
        else:
            status, reply = await self._here.request("POST", path, document)
        assert status in {200, 201, *GONE}, reply


def names_of(spec: dict[str, Any]) -> list[str]:
    """The candidates' names."""
    return [candidate["backend"] for candidate in spec["candidates"]]


async def everything(here: Site) -> tuple[Plan, dict[tuple[str, str], dict[str, Any]]]:
    """What the planner says of what is there, and what is there."""
    there: dict[tuple[str, str], dict[str, Any]] = {}
    documents: list[dict[str, Any]] = []
    for kind, plural in PLURALS.items():
        path = f"/apis/weir.dev/v1alpha1/namespaces/{here.namespace}/{plural}"
        for item in (await here.request("GET", path))[1]["items"]:
            document = {"apiVersion": "weir.dev/v1alpha1", "kind": str(kind), **item}
            there[str(kind), item["metadata"]["name"]] = document
            documents.append(document)
    path = f"/api/v1/namespaces/{here.namespace}/secrets/weir-keys"
    status, found = await here.request("GET", path)
    if status == 200:
        found = {key: found[key] for key in ("metadata", "data")}
        documents.append({"apiVersion": "v1", "kind": "Secret", **found})
    parsed = [parse(document) for document in documents]
    assert all(p.resource is not None for p in parsed), [p.mistakes for p in parsed]
    return compile_table(gather(p.resource for p in parsed if p.resource), Form.CLUSTER), there


NOW = "2026-11-30T00:00:00Z"  # no price of these backends is the catalog's


def differences(plan: Plan, there: Mapping[tuple[str, str], dict[str, Any]]) -> list[str]:
    """Where a status is not what it should be with one gateway that runs the plan's table."""
    board = TablePublisher()
    board.publish(snapshot_of(plan))
    running = GatewayState("gateway-0", running=plan.table.version)
    facts = RolloutState(board, contents_of(plan.table), (running,))
    wrong: list[str] = []
    for finding in plan.findings:
        status = there[str(finding.ref.kind), finding.ref.name].get("status", {})
        if finding.ref.kind is ResourceKind.POLICY:
            wanted = status_of(finding, progress_of(finding, facts), Tally(), status, "")
        else:
            wanted = backend_status_of(finding, (running,), status, NOW)
        for name, condition in conditions_in(wanted).items():
            is_now = dict(conditions_in(status).get(name, {}))
            if {**is_now, "lastTransitionTime": ""} != {**condition, "lastTransitionTime": ""}:
                wrong.append(f"{finding.ref}: {is_now} is not {dict(condition)}")
        if status.get("programmed") != wanted.get("programmed"):
            wrong.append(f"{finding.ref}: programmed {status.get('programmed')}")
    return wrong


async def test_statuses_end_as_the_planner_says_in_few_writes(here: Site) -> None:
    chance = random.Random(SEED)
    killed = set(chance.sample(range(10, CHANGES - 10), KILLS))
    operator: OperatorProcess = here.start()
    async with here.gateway(0, operator.port), watching(here) as seen:
        chaos = Chaos(here, SEED)
        for number in range(CHANGES):
            await chaos.change()
            await asyncio.sleep(chance.uniform(0, PAUSE))  # some changes meet, some are told alone
            if number in killed:
                operator.kill()
                operator = here.start(port=operator.port)
        wrong: list[str] = []

        async def right() -> bool:
            nonlocal wrong
            wrong = differences(*await everything(here))
            return not wrong

        try:
            await eventually(right)
        except TimeoutError:
            pytest.fail("\n".join(wrong))
        at_rest = seen.writes
        await asyncio.sleep(3)  # longer than usage and resync take: what is right is left alone
        assert seen.writes == at_rest
    plan, _ = await everything(here)
    # A change of a backend, or of who wins a conflict, is one of each policy that it concerns: so
    # many changes of statuses there may be, each told when it is planned and when it is programmed.
    concerned = len(POLICIES) / 2
    print(  # noqa: T201 - for who runs it
        f"{seen.writes} writes for {seen.changes} changes of {len(plan.findings)} resources, "
        f"{KILLS} kills; at most {max(seen.most.values(), default=0)} of one generation"
    )
    assert seen.writes <= 2 * seen.changes + 2 * KILLS * concerned
