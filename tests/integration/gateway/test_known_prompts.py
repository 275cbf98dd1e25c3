"""How well prompts are known: from a bundle through a real scorer to the gateway's client."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from support.bundles import tiny_parts
from weir_gateway.adapters.metrics.scorer_metrics import ScorerMetrics
from weir_gateway.adapters.scorer.client import ScorerClient, ScorerOptions
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import RouterName
from weir_runtime.metrics import Registry
from weir_runtime.tracing import Tracing
from weir_scorer import Bundle
from weir_scorer.build.assemble import Parts, write_bundle

SECONDS = 120.0  # for anything to happen, on a busy machine
TEXTS = ("hi", "prove the theorem", "what is the sum of two theorems? " * 20)


@pytest.fixture
def parts() -> Parts:
    """The bundle that the scorer serves."""
    return tiny_parts()


@pytest.fixture
def folder(parts: Parts, tmp_path: Path) -> Path:
    write_bundle(parts, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def expected(folder: Path) -> list[float] | None:
    """What the bundle itself tells."""
    with Bundle.open(folder, devices=["cpu"]) as bundle:
        known = bundle.score(TEXTS).known
    return None if known is None else known.tolist()


@pytest.fixture
def target(folder: Path, tmp_path: Path) -> Iterator[str]:
    """A scorer program that serves the bundle."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
    own = {
        "WEIR_SCORER_LISTEN": f"unix://{tmp_path}/s.sock",
        "WEIR_SCORER_ADMIN": "127.0.0.1:0",
        "WEIR_SCORER_BUNDLE": str(folder),
    }
    command = [sys.executable, "-m", "weir_scorer"]
    with subprocess.Popen(command, env=kept | own, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"unix:{tmp_path}/s.sock"
        finally:
            process.kill()


@asynccontextmanager
async def connected(target: str) -> AsyncGenerator[ScorerClient]:
    metrics = ScorerMetrics(Registry(), Tracing.from_env("test", {}))
    async with ScorerClient(ScorerOptions(target), metrics) as client:
        async with asyncio.timeout(SECONDS):
            while client.bundle is None:  # noqa: ASYNC110 - what is awaited is in another program
                await asyncio.sleep(0.01)
        yield client


async def known_of(client: ScorerClient, text: str, router: str = "") -> float | None:
    scored = await client.score(ScoreQuery(text, RouterName(router), timeout=SECONDS))
    return scored.known


async def test_what_the_bundle_knows_reaches_the_gateway(
    target: str, expected: list[float] | None
) -> None:
    async with connected(target) as client:
        served = [await known_of(client, text) for text in TEXTS]
        assert served == pytest.approx(expected, abs=1e-4)
        assert await known_of(client, "hi", "length") is None, "it reads no columns to know by"


class TestAnOlderBundle:
    """One that was built before familiarity."""

    @pytest.fixture
    def parts(self) -> Parts:
        whole = tiny_parts()
        files = {path: data for path, data in whole.files.items() if "familiarity" not in path}
        routers = tuple(replace(router, familiarity=None) for router in whole.routers)
        return replace(whole, routers=routers, files=files)

    async def test_it_tells_nothing_and_scores_as_before(self, target: str) -> None:
        async with connected(target) as client:
            assert [await known_of(client, text) for text in TEXTS] == [None] * len(TEXTS)
