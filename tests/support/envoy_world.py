"""Two providers, Weir and a real Envoy before them: what the tests of external processing run."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from support.drafts import TableDraft
from support.envoy import Bootstrap, Envoy, running_envoy
from support.gateway import HEADERS, Running, backend, running_gateway, running_scorer, table
from support.scorer_server import ScriptedScorer
from support.upstream import Upstream, answering, completion, running_upstream
from weir_cli.ledger.sums import Sums, read_sums

EASY, HARD = "easy", "hard"


def chat(prompt: str, **fields: object) -> bytes:
    """A chat completion's body, with odd white space that must survive."""
    messages = [{"role": "user", "content": prompt}]
    return json.dumps({"model": "auto", "messages": messages, **fields}, indent=1).encode()


def score(text: str) -> float:
    """Hard prompts say so."""
    return 0.9 if HARD in text else 0.1


@dataclass
class World:
    """Everything that runs."""

    weak: Upstream
    strong: Upstream
    weir: Running
    envoy: Envoy
    session: aiohttp.ClientSession
    ledger: Path

    async def post(
        self, body: bytes, path: str = "/v1/chat/completions", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """POST through Envoy; gives status, headers (names in lower case) and body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(
            self.envoy.url + path, data=io.BytesIO(body), headers={**HEADERS, **named}
        ) as response:
            read = await response.read()
            return response.status, {k.lower(): v for k, v in response.headers.items()}, read


def two(weak: Upstream, strong: Upstream) -> TableDraft:
    """One policy over both."""
    return table(backend("weak", weak.url), backend("strong", strong.url))


Made = Callable[[Upstream, Upstream], TableDraft]  # of the weak and the strong provider


def sums(ledger: Path) -> Sums:
    """What the ledger has of the one policy."""
    (total,) = read_sums(ledger, "policy", 0)[0]
    return total


@asynccontextmanager
async def world(
    folder: Path,
    bootstrap: Bootstrap | None = None,
    variables: Sequence[tuple[str, str]] = (),
    made: Made = two,
) -> AsyncGenerator[World]:
    """Run it all until the block is left; what is in the ledger then is all there is."""
    bootstrap = bootstrap or Bootstrap()
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    ledger = folder / "ledger.db"
    async with AsyncExitStack() as stack:
        answer = answering(completion(prompt=1000, output=500))
        weak = await stack.enter_async_context(running_upstream(answer))
        strong = await stack.enter_async_context(running_upstream(answer))
        scorer = await stack.enter_async_context(
            running_scorer(folder, ScriptedScorer(score=score))
        )
        settings = [
            ("WEIR_EXTPROC", "127.0.0.1:0"),
            ("WEIR_SCORER", scorer.target),
            ("WEIR_LEDGER", str(ledger)),
            *variables,
        ]
        weir = await stack.enter_async_context(
            running_gateway(folder, made(weak, strong), settings)
        )
        assert weir.gateway.bound_extproc is not None
        bootstrap.endpoint("weir", weir.gateway.bound_extproc.port)
        bootstrap.endpoint("weak", weak.port)
        bootstrap.endpoint("strong", strong.port)
        envoy = await stack.enter_async_context(running_envoy(bootstrap, folder))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield World(weak, strong, weir, envoy, session, ledger)


async def together(
    world_: World, bodies: Sequence[bytes]
) -> list[tuple[int, dict[str, str], bytes]]:
    """POST all at once."""
    return await asyncio.gather(*(world_.post(body) for body in bodies))
