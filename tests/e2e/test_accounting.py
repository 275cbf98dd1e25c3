"""Ten thousand mixed requests: ledger, metrics, status and the provider's own books agree.

To the last pico-dollar where the provider told its tokens; what it did not tell is estimated, and
kept apart as such.
"""

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from support.accounting import MICRO, Price, Row, ledger, metric, paid, summed, tokens, told
from support.gateway_program import GatewayProgram, gateway_program
from support.operator_stream import Operator, running_operator
from support.polling import eventually
from support.programs import stand_in
from weir_operator.local import compile_paths
from weir_proto.routing.v2.routetable_pb2 import PolicyUsage, RouteTable

REQUESTS = 10_000
ITEMS = 500  # of a batch beside them
CALLERS = 24
TIMEOUT = aiohttp.ClientTimeout(total=60)
PRICES = {
    "weak": Price(150_000, 600_000),
    "strong": Price(2_500_000, 10_000_000),
    "claude": Price(3_000_000, 15_000_000),
    "flaky": Price(400_000, 800_000),
    "down": Price(100_000, 200_000),
    "slow": Price(1_000_000, 2_000_000),
    "silent": Price(700_000, 900_000),
    "bulk": Price(2_000_000, 4_000_000),
    "judge": Price(50_000, 100_000),
}
POLICIES = """
match: {models: [mixed]}
candidates: [{backend: weak}, {backend: strong}]
rules: [{name: hard, when: "request.chars % 4 == 0", use: strong}]
objective: {threshold: "0.5"}
---
match: {models: [translated]}
candidates: [{backend: weak}, {backend: claude}]
rules: [{name: hard, when: "request.chars % 2 == 0", use: claude}]
objective: {threshold: "0.5"}
---
match: {models: [flaky]}
candidates: [{backend: flaky}, {backend: strong}]
objective: {threshold: "0.5"}
failureMode: {upstream: [flaky, strong]}
---
match: {models: [down]}
candidates: [{backend: down}, {backend: weak}]
objective: {threshold: "0.5"}
failureMode: {upstream: [down, weak]}
---
match: {models: [slow]}
candidates: [{backend: slow}]
---
match: {models: [silent]}
candidates: [{backend: silent}]
---
match: {models: [cached]}
candidates: [{backend: weak}, {backend: strong}]
rules: [{name: hard, when: "request.chars % 4 == 0", use: strong}]
objective: {threshold: "0.5"}
cache: {exact: {ttl: 10m}}
---
match: {models: [cascade]}
candidates: [{backend: weak}, {backend: strong}]
objective: {threshold: "0.5"}
cascade: {accept: "0.5", judge: {backend: judge, timeout: 1m}, check: tools, samples: 2}
---
match: {models: [rated]}
candidates: [{backend: weak}, {backend: strong}]
router: {name: judge, judge: {backend: judge, timeout: 1m}}
objective: {threshold: "0.5"}
---
match: {models: [bulk]}
candidates: [{backend: bulk}]
"""


def policies(fast: str, slow: str, into: Path) -> Path:
    """Every backend at its stand-in, every policy named after its model."""
    backends = [
        "apiVersion: weir.dev/v1alpha1\nkind: ModelBackend\n"
        f"metadata: {{name: {name}}}\n"
        f"spec:\n  protocol: {'anthropic' if name == 'claude' else 'openai'}\n"
        f"  endpoint: {slow if name == 'slow' else fast}{'' if name == 'claude' else '/v1'}\n"
        f"  model: {name}\n"
        f'  price: {{input: "{price.input / 1e6:.2f}", output: "{price.output / 1e6:.2f}"}}\n'
        "  capabilities: [tools, vision, jsonSchema]\n"
        + ("  batches: {discount: 50%}\n" if name == "bulk" else "")
        for name, price in PRICES.items()
    ]
    routes = [
        "apiVersion: weir.dev/v1alpha1\nkind: RoutePolicy\n"
        f"metadata: {{name: {spec.split('[')[1].split(']')[0]}}}\nspec:\n"
        + "".join(f"  {line}\n" for line in spec.strip().splitlines())
        for spec in POLICIES.split("---")
    ]
    file = into / "policies.yaml"
    file.write_text("---\n".join([*backends, *routes]), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Providers:
    """The stand-ins, and a table that sends there."""

    fast: str
    slow: str
    table: RouteTable


@pytest.fixture
def providers(tmp_path: Path) -> Iterator[Providers]:
    """Two stand-ins: one that fails as ordered, one that takes its time."""
    faults = ("--fail", "status=500,rate=0.2,model=flaky", "--fail", "kind=close,model=down")
    with (
        stand_in(*faults, log=tmp_path / "fast.log") as fast,
        stand_in("--delay", "chunk=200ms", log=tmp_path / "slow.log") as slow,
    ):
        compiled = compile_paths([policies(fast.url, slow.url, tmp_path)])
        assert not compiled.mistakes, compiled.mistakes
        yield Providers(
            fast.url,
            slow.url,
            RouteTable(version=compiled.table.version, table=compiled.table_json),
        )


@dataclass
class World:
    """All that runs, and what was seen of it."""

    providers: Providers
    gateway: GatewayProgram
    operator: Operator
    ledger: Path
    statuses: list[int] = field(default_factory=list[int])  # 0: the client hung up


@asynccontextmanager
async def running(providers: Providers, folder: Path) -> AsyncGenerator[World]:
    """The operator's stream and a gateway that follows it."""
    operator = Operator()
    await operator.outbox.put(providers.table)
    async with running_operator(operator) as port:
        environment = {
            "WEIR_OPERATOR": f"127.0.0.1:{port}",
            "WEIR_USAGE_EVERY": "200ms",
            "WEIR_LEDGER": str(folder / "ledger.db"),
            "WEIR_BATCHES": str(folder / "batches"),
            "WEIR_BATCH_POLL": "200ms",
            "WEIR_UPSTREAM_ALLOW": "127.0.0.1",
        }
        async with gateway_program(environment, log=folder / "gateway.log") as gateway:
            yield World(providers, gateway, operator, folder / "ledger.db")


def mix(seed: int, count: int) -> Iterator[tuple[str, dict[str, object]]]:
    """Paths and bodies: nine kinds of traffic, whole and streamed, some cut off by clients."""
    chance = random.Random(seed)
    shares = {"mixed": 8, "translated": 4, "flaky": 3, "cached": 3, "cascade": 3}
    shares |= {"down": 1, "silent": 1, "rated": 2}
    models = [model for model, share in shares.items() for _ in range(share)]
    for number in range(count):
        model = "slow" if number % 100 == 0 else chance.choice(models)
        said = f"Question {number} " + "and so on " * chance.randrange(20)
        if model == "cached":  # many are the very same
            said = f"Question {chance.randrange(100):03}"  # 12 characters: the rule holds
        body: dict[str, object] = {
            "model": model,
            "messages": [{"role": "user", "content": said}],
            "max_tokens": chance.choice([4, 16, 400]),
        }
        path = "/v1/messages" if model == "translated" and number % 2 else "/v1/chat/completions"
        body["stream"] = model in {"slow", "silent"} or chance.random() < 0.4
        if body["stream"] and path.endswith("completions") and model != "silent":
            body["stream_options"] = {"include_usage": True}
        if model == "cached":
            body |= {"temperature": 0, "max_tokens": 16}
        yield path, body


async def call(world: World, session: aiohttp.ClientSession, path: str, body: object) -> int:
    """Ask once and read to the end; a slow stream is left after its first bytes."""
    async with session.post(world.gateway.url + path, json=body) as answer:
        if isinstance(body, dict) and body["model"] == "slow":
            await answer.content.readany()
            answer.close()
            return 0
        await answer.read()
        return answer.status


async def send(world: World, seed: int, count: int) -> None:
    """Send the mix at so many callers."""
    waiting = mix(seed, count)
    connector = aiohttp.TCPConnector(limit=CALLERS)

    async def caller(session: aiohttp.ClientSession) -> None:
        for path, body in waiting:
            world.statuses.append(await call(world, session, path, body))

    async with (
        aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session,
        asyncio.TaskGroup() as group,
    ):
        for number in range(CALLERS):
            group.create_task(caller(session), name=f"caller {number}")


async def batch(world: World) -> dict[str, object]:
    """A batch of items that go to a provider's batch, and of others that go one by one."""
    lines = [
        json.dumps(
            {
                "custom_id": f"item {number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {
                    "model": "bulk" if number % 2 else "mixed",
                    "messages": [{"role": "user", "content": f"Item {number}"}],
                },
            }
        )
        for number in range(ITEMS)
    ]
    form = aiohttp.FormData({"purpose": "batch"})
    form.add_field("file", "\n".join(lines).encode(), filename="items.jsonl")
    async with aiohttp.ClientSession(world.gateway.url, timeout=TIMEOUT) as session:
        async with session.post("/v1/files", data=form) as answer:
            file = (await answer.json())["id"]
        asked = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
        async with session.post("/v1/batches", json={**asked, "input_file_id": file}) as answer:
            made: dict[str, object] = await answer.json()

        async def over() -> bool:
            async with session.get(f"/v1/batches/{made['id']}") as answer:
                made.update(await answer.json())
            return made["status"] not in {"validating", "in_progress", "finalizing"}

        await eventually(over, within=120, every=0.2)
    return made


async def books(url: str) -> dict[str, dict[str, int]]:
    """A stand-in's own books, by model."""
    async with (
        aiohttp.ClientSession(timeout=TIMEOUT) as session,
        session.get(f"{url}/stand-in/stats") as answer,
    ):
        models: dict[str, dict[str, int]] = (await answer.json())["models"]
        return models


async def noticed(url: str) -> bool:
    """Whether a stand-in has seen that each of its callers has left."""
    line = (await books(url))["slow"]
    return line["aborted"] == line["requests"]


async def last_report(operator: Operator, requests: int) -> list[PolicyUsage]:
    """What was reported once so many requests had ended."""
    async with asyncio.timeout(30):
        while True:
            usage = list((await operator.reports.get()).usage)
            if sum(one.requests for one in usage) >= requests:
                return usage


@pytest.mark.timeout(240)
async def test_all_books_agree(providers: Providers, tmp_path: Path) -> None:
    async with running(providers, tmp_path) as world:
        async with asyncio.TaskGroup() as group:
            batched = group.create_task(batch(world), name="a batch")
            group.create_task(send(world, seed=1, count=REQUESTS), name="requests")
        assert batched.result()["status"] == "completed", batched.result()
        usage = await last_report(world.operator, REQUESTS + ITEMS)
        metrics = await world.gateway.metrics()
        await eventually(lambda: noticed(providers.slow), within=20)
        served = {**await books(providers.fast), **await books(providers.slow)}
        assert await world.gateway.stop() == 0
        rows = await asyncio.to_thread(ledger, world.ledger)
    assert sorted(set(world.statuses)) == [0, 200]
    answers = [row for row in rows if row.part == 0]
    assert len(answers) == REQUESTS + ITEMS
    _the_providers_books(rows, served)
    _the_cascades(rows)
    _the_metrics(rows, metrics)
    _the_status(rows, usage)
    _what_is_estimated(rows, served)


def _the_providers_books(rows: list[Row], served: dict[str, dict[str, int]]) -> None:
    """Tokens are those of the books, and money is tokens times price, to the pico-dollar."""
    again = [row for row in rows if row.reason == "cache"]
    assert len(again) > REQUESTS // 40
    assert all(row.paid == 0 and row.saved > 0 for row in again)
    asked = [row for row in rows if row.reason != "cache"]
    ours = tokens(asked)
    for model in ("weak", "strong", "claude", "flaky", "bulk", "judge", "silent"):
        line = served[model]
        read = line["prompt_tokens"] + line["batch_prompt_tokens"]
        written = line["completion_tokens"] + line["batch_completion_tokens"]
        answered = line["requests"] - line["failed"] + line["batch_requests"]
        assert ours[model] == (read, written), model
        assert answered == sum(row.model == model for row in asked), model
    assert served["bulk"]["batch_requests"] == ITEMS // 2
    assert served["flaky"]["failed"] > 0  # there were retries
    assert served["down"]["failed"] == served["down"]["requests"] > 0  # and fallbacks
    counted = [row for row in asked if row.counted]
    by_model = summed(counted, "paid", "model")
    full = paid(asked, PRICES)
    assert by_model == {**full, "bulk": full["bulk"] // 2}  # the provider's batches cost half


def _the_cascades(rows: list[Row]) -> None:
    """Some answers were accepted and some not; what each took beside its answer is there."""
    beside = Counter((row.reason, row.model) for row in rows if row.part)
    answers = Counter(row.reason for row in rows if not row.part)
    accepted, escalated = answers["cascade_accepted"], answers["cascade_escalated"]
    assert min(accepted, escalated) > REQUESTS // 100
    judge, weak = "judge", "weak"
    assert beside["cascade_accepted", judge] == beside["cascade_accepted", weak] == accepted
    assert beside["cascade_escalated", judge] == escalated
    assert beside["cascade_escalated", weak] == 2 * escalated  # its answer and a sample
    assert beside["scored", judge] > REQUESTS // 100


def _the_metrics(rows: list[Row], metrics: str) -> None:
    for column, name in (("paid", "weir_cost_usd"), ("saved", "weir_saved_usd")):
        for by in ("policy", "model"):
            theirs = metric(metrics, name, by)
            ours = summed(rows, column, by)
            assert theirs == pytest.approx({k: v / 1e12 for k, v in ours.items()}, rel=1e-9)


def _the_status(rows: list[Row], usage: list[PolicyUsage]) -> None:
    """As it is reported: whole micro-dollars, rounded down."""
    reported = told(usage)
    for column, at in (("paid", 1), ("saved", 2)):
        ours = summed(rows, column, "policy")
        assert {name: line[at] for name, line in reported.items()} == {
            name: amount // MICRO for name, amount in ours.items()
        }
    answers = Counter(row.policy for row in rows if row.part == 0)
    assert {name: line[0] for name, line in reported.items()} == answers


def _what_is_estimated(rows: list[Row], served: dict[str, dict[str, int]]) -> None:
    """Streams that their clients left: estimated, kept apart, and none of them for nothing.

    A stream whose client asks for no usage is counted: the gateway asks for it.
    """
    estimated = [row for row in rows if not row.counted and row.status < 500]
    assert {row.model for row in estimated} == {"slow"}
    assert all(row.paid > 0 for row in estimated)
    left = [row for row in rows if row.model == "slow"]
    assert {row.error for row in left} == {"client_gone"}
    assert served["slow"]["aborted"] == served["slow"]["requests"] == len(left)


async def test_a_killed_gateway_loses_what_came_last_and_doubles_nothing(
    providers: Providers, tmp_path: Path
) -> None:
    async with running(providers, tmp_path) as world:
        answered: list[list[str]] = [[] for _ in range(CALLERS)]
        task = asyncio.create_task(_until_killed(world, answered), name="load")
        await eventually(lambda: _written(world, 200), within=60)
        before = {decision for one in answered for decision in one}
        await eventually(lambda: _kept(world, before), within=60)
        world.gateway.signal(signal.SIGKILL)
        await task
        await world.gateway.ended()
        kept = [row.decision for row in await asyncio.to_thread(ledger, world.ledger)]
        there = set(kept)
        assert len(kept) == len(there)
        assert before <= there
        for one in answered:  # a caller's answers are accounted for one after the other
            was_kept = [decision in there for decision in one]
            assert was_kept == sorted(was_kept, reverse=True)
        lost = {decision for one in answered for decision in one} - there
        served = await books(providers.fast)
        charged = sum(line["requests"] - line["failed"] for line in served.values())
        assert charged - len(kept) <= len(lost) + CALLERS


async def _written(world: World, entries: int) -> bool:
    written = metric(await world.gateway.metrics(), "weir_ledger_entries", "result")
    return written.get("written", 0) >= entries


async def _kept(world: World, decisions: set[str]) -> bool:
    rows = await asyncio.to_thread(ledger, world.ledger)
    return decisions <= {row.decision for row in rows}


async def _until_killed(world: World, answered: Sequence[list[str]]) -> None:
    """Ask until the gateway is gone; notes each answer that had been read, by caller, in order."""

    async def caller(number: int) -> None:
        body = {"model": "mixed", "messages": [{"role": "user", "content": f"I am {number}"}]}
        url = f"{world.gateway.url}/v1/chat/completions"
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session:
            with suppress(aiohttp.ClientError):
                while True:
                    async with session.post(url, json=body) as answer:
                        await answer.read()
                        answered[number].append(answer.headers["x-weir-decision"])

    async with asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(caller(number), name=f"caller {number}")
