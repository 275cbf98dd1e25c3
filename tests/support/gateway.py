"""The whole gateway in the test's loop, over real sockets, on a route table from a file."""

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from support import resources as documents
from support.drafts import Draft, TableDraft
from support.scorer_server import ScorerServer, ScriptedScorer
from weir_gateway.adapters.providers.credentials import Credentials
from weir_gateway.adapters.providers.identity.identities import Identities
from weir_gateway.app.run import Gateway
from weir_gateway.settings import Settings
from weir_runtime.settings import parse
from weir_runtime.tracing import Tracing

HEADERS = {"Content-Type": "application/json"}
NO_SCORER = "unix:///nonexistent/weir-test-scorer.sock"


def backend(name: str, url: str, *, micro_usd: int = 1_000_000) -> Draft:
    """A backend `shop/<name>` at `url`, at one price for all tokens but the cached ones."""
    price = f"{micro_usd / 1e6:.6f}"
    cached = f"{micro_usd // 2 / 1e6:.6f}"
    return Draft(
        documents.backend(
            name,
            endpoint=url,
            model=f"{name}-model",
            price={"input": price, "output": price, "cachedInput": cached, "cacheWrite": price},
            timeouts={"connect": "2s", "firstToken": "5s", "idle": "5s", "total": "30s"},
        )
    )


def table(
    *backends: Draft, version: str = "v1", threshold: float = 0.5, model: str = "auto"
) -> TableDraft:
    """One policy over `backends`, weakest first; everything exposed."""
    names = [draft.name for draft in backends]
    policy = documents.policy(
        match={"models": [model]},
        candidates=[{"backend": name} for name in names],
        objective={"threshold": f"{threshold:g}"},
        failureMode={"scorer": "weak", "upstream": names},
        expose={"score": True, "route": True, "direct": True},
    )
    return TableDraft(list(backends), [Draft(policy)], version)


def write(path: Path, made: TableDraft) -> None:
    """Replace the file as a whole, as `weir up` and a ConfigMap do."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(made.to_json())
    fresh.replace(path)


@dataclass
class Running:
    """A gateway that serves, and a client's session on it."""

    gateway: Gateway
    session: aiohttp.ClientSession
    file: Path
    stop: asyncio.Event
    task: "asyncio.Task[int]"

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.gateway.bound}"

    async def chat(self, body: bytes, **headers: str) -> aiohttp.ClientResponse:
        """POST a chat completion as it stands."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.session.post(
            f"{self.url}/v1/chat/completions", data=io.BytesIO(body), headers={**HEADERS, **named}
        )

    async def metrics(self) -> str:
        """The admin port's metrics."""
        async with self.session.get(f"http://{self.gateway.bound_admin}/metrics") as response:
            return await response.text()


@contextlib.asynccontextmanager
async def running_gateway(
    folder: Path, made: TableDraft | None, variables: Sequence[tuple[str, str]] = ()
) -> AsyncGenerator[Running]:
    """Serve `made` until the block is left, then drain; more settings by `variables`."""
    file = folder / "routetable.json"
    if made is not None:
        write(file, made)
    environment = {
        "WEIR_LISTEN": "127.0.0.1:0",
        "WEIR_ADMIN": "127.0.0.1:0",
        "WEIR_SCORER": NO_SCORER,
        "WEIR_ROUTETABLE_FILE": str(file),
        "WEIR_ROUTETABLE_CHECK": "20ms",
        "WEIR_DRAIN": "10s",
        "WEIR_UPSTREAM_ALLOW": "127.0.0.1",  # where tests' models are, with an operator too
        "WEIR_DRAIN_LINGER": "0",
        **dict(variables),
    }
    settings = parse(Settings, environment)
    gateway = await asyncio.to_thread(Gateway, settings, environment)  # built off any loop
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop), name="gateway-under-test")
    serving = asyncio.create_task(gateway.serving.wait(), name="gateway-serves")
    await asyncio.wait({task, serving}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        serving.cancel()
        task.result()
    async with aiohttp.ClientSession() as session:
        try:
            yield Running(gateway, session, file, stop, task)
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)


def untraced() -> Tracing:
    """Spans that record nothing."""
    return Tracing.from_env("test", {})


def identities(credentials: Credentials | None = None) -> Identities:
    """Identities without an environment."""
    return Identities(credentials or Credentials({}), {}, time.time)


@contextlib.asynccontextmanager
async def running_scorer(folder: Path, scorer: ScriptedScorer) -> AsyncGenerator[ScorerServer]:
    """Serve `scorer` on a unix socket until the block is left."""
    server = ScorerServer(scorer, f"unix://{folder}/scorer.sock")
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
