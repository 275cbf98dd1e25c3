"""Batches over real sockets: a mock provider, a gateway with batches, and OpenAI's client."""

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

from support.drafts import Draft, TableDraft
from support.gateway import Running, backend, running_gateway, table
from support.polling import eventually
from weir_cli.mock_provider.server import MockConfig, MockProvider

ENDED = {"completed", "failed", "cancelled", "expired"}
CHAT: Final = "/v1/chat/completions"
HALF_PRICE: Final = {"discount": "50%"}
Line = Mapping[str, Any]


@dataclass(frozen=True)
class MockedProvider:
    """A running mock provider."""

    url: str
    server: MockProvider

    def model_stats(self) -> dict[str, dict[str, int]]:
        """Return its counts by model."""
        return {name: asdict(line) for name, line in self.server.stats.models.items()}


@asynccontextmanager
async def mock_provider(config: MockConfig | None = None) -> AsyncGenerator[MockedProvider]:
    """Run a mock provider in the test's loop on a free port."""
    server = MockProvider(config or MockConfig())
    runner = web.AppRunner(server.app(), handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield MockedProvider(f"http://127.0.0.1:{runner.addresses[0][1]}", server)
    finally:
        await runner.cleanup()


def openai_backend(name: str, url: str, *, batches: bool, micro_usd: int = 1_000_000) -> Draft:
    """Build a backend of OpenAI's, with or without batches."""
    message = backend(name, f"{url}/v1", micro_usd=micro_usd)
    if batches:
        message.spec["batches"] = HALF_PRICE
    return message


def anthropic_backend(name: str, url: str, *, micro_usd: int = 1_000_000) -> Draft:
    """Build a backend of Anthropic's with batches."""
    message = backend(name, url, micro_usd=micro_usd)
    message.spec["protocol"] = "anthropic"
    message.spec["wires"] = ["messages"]
    message.spec["batches"] = HALF_PRICE
    return message


def direct_table(*backends: Draft) -> TableDraft:
    """Build a table with one policy; clients may name each backend, `auto` is the first."""
    return table(*backends)


def item(custom_id: str, model: str = "auto", text: str = "hello", **more: object) -> Line:
    """Build one line of an input file."""
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}


def jsonl(lines: Sequence[object]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@asynccontextmanager
async def batch_gateway(
    folder: Path, message: TableDraft, *variables: tuple[str, str]
) -> AsyncGenerator[tuple[Running, openai.AsyncOpenAI]]:
    """Run a gateway with batches in `folder`; yield it and OpenAI's client."""
    settings = [
        ("WEIR_BATCHES", str(folder / "batches")),
        ("WEIR_BATCH_POLL", "50ms"),
        ("WEIR_LEDGER", str(folder / "ledger.db")),
        *variables,
    ]
    async with running_gateway(folder, message, settings) as running:
        openai_client = openai.AsyncOpenAI(
            base_url=f"{running.url}/v1", api_key="none", max_retries=0
        )
        async with openai_client as client:
            yield running, client


async def submit(client: openai.AsyncOpenAI, lines: Sequence[object] | bytes, **more: Any) -> Batch:
    """Upload a file and create a batch of it."""
    data = lines if isinstance(lines, bytes) else jsonl(lines)
    file = await client.files.create(file=("in.jsonl", data), purpose="batch")
    fields: dict[str, Any] = {"endpoint": CHAT, "completion_window": "24h", **more}
    return await client.batches.create(input_file_id=file.id, **fields)


async def wait_for_end(client: openai.AsyncOpenAI, batch_id: str) -> Batch:
    """Poll until the batch has ended, and return it."""
    batches: list[Batch] = []

    async def has_ended() -> bool:
        batches.append(await client.batches.retrieve(batch_id))
        return batches[-1].status in ENDED

    await eventually(has_ended)
    return batches[-1]


async def read_lines(client: openai.AsyncOpenAI, file_id: str | None) -> list[Line]:
    """Read a file of results; empty where there is none."""
    if file_id is None:
        return []
    content = await client.files.content(file_id)
    return [json.loads(line) for line in content.text.splitlines()]


def ledger_rows(folder: Path) -> list[dict[str, Any]]:
    """Read the gateway's ledger; empty where it does not exist yet."""
    path = folder / "ledger.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM ledger")]


def stored_status(folder: Path, batch_id: str) -> str:
    """Read a batch's status from disk."""
    ((status,),) = query_journal(folder, "SELECT status FROM batches WHERE id = ?", batch_id)
    return str(status)


def query_journal(folder: Path, statement: str, *values: object) -> list[Any]:
    """Run a statement on the gateway's database, which it may change, and return the rows."""
    with closing(sqlite3.connect(folder / "batches" / "batches.db")) as database, database:
        return database.execute(statement, values).fetchall()
