"""A whole scorer on the test's own loop: real sockets, a fake bundle, stopped at the end."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from grpc import aio
from opentelemetry.sdk.resources import SERVICE_NAME, Resource

from support.fakes_scorer import FakeBundles, FakeEngine
from weir_proto.scorer.v1 import scorer_pb2_grpc
from weir_runtime.quantities import Address
from weir_runtime.settings import parse
from weir_runtime.tracing import Sampling, Tracing
from weir_scorer.app import SERVICE, App
from weir_scorer.server.bundles import RefusedBundle
from weir_scorer.settings import Settings

SECONDS = 30.0  # for anything to happen, on a busy machine


@dataclass(frozen=True, slots=True)
class RunningScorer:
    """A scorer that serves."""

    app: App
    channel: aio.Channel
    stub: "scorer_pb2_grpc.ScorerAsyncStub"
    bundles: FakeBundles
    stop: asyncio.Event
    ended: asyncio.Task[None]

    @property
    def engine(self) -> FakeEngine:
        """The engine opened last."""
        return self.bundles.opened[-1]

    @property
    def swaps(self) -> dict[str, float]:
        """Bundles found while serving, by what came of them."""
        cells = self.app.registry.counters["weir.scorer.swaps"].cells
        return {labels[0]: cell.value for labels, cell in cells.items()}

    @property
    def codes(self) -> set[tuple[str, ...]]:
        """Router and status code of the calls that ended."""
        return {*self.app.registry.histograms["weir.score.duration"].cells}

    async def until_waiting(self, texts: int) -> None:
        """Return once that many texts wait."""
        await eventually(lambda: self.app.waiting == texts)

    async def busy(self) -> None:
        """Return once the engine has a batch."""
        await asyncio.to_thread(self.engine.wait_until_busy)


async def eventually(holds: Callable[[], bool]) -> None:
    """Return once `holds`; for what no event tells."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - there is no event to await, that is the point
            await asyncio.sleep(0.002)


def settings_for(bundle: Path, **variables: str) -> Settings:
    """Settings on free ports of this machine."""
    base = {
        "WEIR_SCORER_LISTEN": "127.0.0.1:0",
        "WEIR_SCORER_ADMIN": "127.0.0.1:0",
        "WEIR_SCORER_BUNDLE": str(bundle),
        "WEIR_SCORER_BUNDLE_CHECK": "20ms",
    }
    settings = parse(Settings, base | variables)
    settings.check()
    return settings


def silent_tracing() -> Tracing:
    """Traces that nobody records."""
    return Tracing(Resource({SERVICE_NAME: SERVICE}), None, Sampling())


def target(address: Address) -> str:
    """The address as gRPC's client writes it."""
    return f"unix:{address.path}" if address.path else str(address)


@asynccontextmanager
async def running_scorer(
    bundle: Path, variables: Mapping[str, str] | None = None, tracing: Tracing | None = None
) -> AsyncGenerator[RunningScorer]:
    """Start a scorer over the fake bundle in `bundle`; stop it at the end."""
    bundles = FakeBundles(RefusedBundle)
    app = App(settings_for(bundle, **(variables or {})), {}, bundles, tracing or silent_tracing())
    stop = asyncio.Event()
    ended = asyncio.create_task(app.run(stop), name="test-scorer")
    ready = asyncio.create_task(app.ready.wait(), name="test-scorer-ready")
    await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=SECONDS)
    ready.cancel()
    if ended.done():
        await ended
    async with aio.insecure_channel(target(app.addresses[0])) as channel:
        stub = scorer_pb2_grpc.ScorerStub(channel)
        yield RunningScorer(app, channel, stub, bundles, stop, ended)
    for engine in bundles.opened:
        engine.release()
    stop.set()
    await asyncio.wait_for(ended, SECONDS)
