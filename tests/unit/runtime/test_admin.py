"""The admin port over a real socket."""

from pathlib import Path

import aiohttp
import pytest

from weir_runtime.admin import Admin, Health
from weir_runtime.metrics import Registry
from weir_runtime.quantities import Address


async def test_probes_and_metrics_tell_the_truth() -> None:
    health, registry = Health(), Registry()
    registry.counter("weir.decisions", "Decisions.").labels().add(5)
    health.not_ready("table", "no route table yet")
    admin = Admin(health, registry)
    address = await admin.start(Address(host="127.0.0.1", port=0))
    async with aiohttp.ClientSession(f"http://{address}") as session:
        async with session.get("/livez") as response:
            assert response.status == 200
        async with session.get("/readyz") as response:
            assert response.status == 503
            assert await response.text() == "table: no route table yet\n"
        health.ready("table")
        async with session.get("/readyz") as response:
            assert response.status == 200
        async with session.get("/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert "weir_decisions_total 5.0" in await response.text()
    await admin.stop()
    await admin.stop()


async def test_a_unix_socket_is_refused_rather_than_some_port_opened() -> None:
    with pytest.raises(OSError, match="host:port"):
        await Admin(Health(), Registry()).start(Address(path=Path("/run/admin.sock")))
