"""Batches over real sockets: the stand-in as the provider, a gateway that keeps them, a client."""

import json
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import openai
from aiohttp import web
from openai.types import Batch

from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from weir_cli.mock_provider.server import MockConfig, MockProvider
from weir_proto.routing.v1 import routetable_pb2 as pb

OVER = {"completed", "failed", "cancelled", "expired"}
CHAT: Final = "/v1/chat/completions"
HALF = pb.Batches(discount=0.5)
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Provider:
    """A stand-in that serves."""

    url: str
    server: MockProvider

    def lines(self) -> dict[str, dict[str, int]]:
        """Its books by model."""
        return {name: asdict(line) for name, line in self.server.stats.models.items()}


@asynccontextmanager
async def standing_in(orders: MockConfig | None = None) -> AsyncGenerator[Provider]:
    """A stand-in in the test's loop, on a port of the system's choice."""
    server = MockProvider(orders or MockConfig())
    runner = web.AppRunner(server.app(), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Provider(f"http://127.0.0.1:{runner.addresses[0][1]}", server)
    finally:
        await runner.cleanup()


def openai_backend(name: str, url: str, *, batches: bool, micro_usd: int = 1_000_000) -> pb.Backend:
    """A backend with or without its provider's batches."""
    made = backend(name, f"{url}/v1", micro_usd=micro_usd)
    if batches:
        made.batches.CopyFrom(HALF)
    return made


def anthropic_backend(name: str, url: str, *, micro_usd: int = 1_000_000) -> pb.Backend:
    """A backend of Anthropic's with batches."""
    made = backend(name, url, micro_usd=micro_usd)
    made.protocol = pb.PROTOCOL_ANTHROPIC
    made.wires.append("messages")
    made.batches.CopyFrom(HALF)
    return made


def direct(*backends: pb.Backend) -> pb.RouteTable:
    """A policy over these backends that lets clients name each; `auto` is the first."""
    made = table(*backends)
    made.policies[0].failure_mode.scorer = pb.SCORER_FAILURE_WEAK
    return made


def item(custom_id: str, model: str = "auto", text: str = "hello", **more: object) -> Line:
    """One line of a batch's file."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}


def jsonl(lines: Sequence[object]) -> bytes:
    """A batch's file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@asynccontextmanager
async def batch_gateway(
    folder: Path, message: pb.RouteTable, *variables: tuple[str, str]
) -> AsyncGenerator[tuple[Running, openai.AsyncOpenAI]]:
    """A gateway that keeps batches in `folder`, and the official client."""
    settings = [
        ("WEIR_BATCHES", str(folder / "batches")),
        ("WEIR_BATCH_POLL", "50ms"),
        ("WEIR_LEDGER", str(folder / "ledger.db")),
        *variables,
    ]
    async with running_gateway(folder, message, settings) as running:
        made = openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0)
        async with made as client:
            yield running, client


async def submitted(
    client: openai.AsyncOpenAI, lines: Sequence[object] | bytes, **more: Any
) -> Batch:
    """A file and a batch of it."""
    data = lines if isinstance(lines, bytes) else jsonl(lines)
    file = await client.files.create(file=("in.jsonl", data), purpose="batch")
    made: dict[str, Any] = {"endpoint": CHAT, "completion_window": "24h", **more}
    return await client.batches.create(input_file_id=file.id, **made)


async def over(client: openai.AsyncOpenAI, batch_id: str) -> Batch:
    """The batch, once it is over."""
    seen: list[Batch] = []

    async def is_over() -> bool:
        seen.append(await client.batches.retrieve(batch_id))
        return seen[-1].status in OVER

    await eventually(is_over)
    return seen[-1]


async def lines_of(client: openai.AsyncOpenAI, file_id: str | None) -> list[Line]:
    """A file of results."""
    if file_id is None:
        return []
    content = await client.files.content(file_id)
    return [json.loads(line) for line in content.text.splitlines()]


def ledger_rows(folder: Path) -> list[dict[str, Any]]:
    """The gateway's ledger; empty where nothing was written yet."""
    path = folder / "ledger.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM ledger")]


def kept_status(folder: Path, batch_id: str) -> str:
    """A batch's status as it is on disk."""
    ((status,),) = in_journal(folder, "SELECT status FROM batches WHERE id = ?", batch_id)
    return str(status)


def in_journal(folder: Path, statement: str, *values: object) -> list[Any]:
    """What the gateway's database says to a statement, which may change it."""
    with closing(sqlite3.connect(folder / "batches" / "batches.db")) as database, database:
        return database.execute(statement, values).fetchall()
