"""The admin port of every program: /livez, /readyz and /metrics.

`/livez` answers because the loop turns; `/readyz` says whether the program can do its work and,
if not, why not. Serves people and probes, never traffic; knows nothing of what the program does.
"""

import asyncio

from aiohttp import web

from weir_runtime.exposition import CONTENT_TYPE, prometheus
from weir_runtime.metrics import Registry
from weir_runtime.quantities import Address

SHUTDOWN_SECONDS = 1.0  # probes are short; a stuck reader must not hold up the program's end


class Health:
    """The reasons why the program isn't ready, by topic; without any it is ready."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    @property
    def reasons(self) -> dict[str, str]:
        """Topic to reason; empty when ready."""
        return dict(self._reasons)

    def not_ready(self, topic: str, why: str) -> None:
        """Record why the program isn't ready, under `topic`."""
        self._reasons[topic] = why

    def ready(self, topic: str) -> None:
        """`topic` no longer does."""
        self._reasons.pop(topic, None)


class Admin:
    """The admin server."""

    def __init__(self, health: Health, registry: Registry) -> None:
        self._health = health
        self._registry = registry
        self._runner: web.AppRunner | None = None

    async def start(self, address: Address) -> Address:
        """Listen; returns the address with the port really bound (port 0 picks one).

        Raises OSError where that can't be, a unix socket among the reasons: probes speak TCP.
        """
        if address.path is not None:
            raise OSError(f"the admin port can't be a unix socket ({address}): write host:port")
        app = web.Application()
        app.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, address.host, address.port).start()
        host, port = runner.addresses[0][:2]
        return Address(host=host, port=port)

    async def stop(self) -> None:
        """Stop listening; safe to call twice."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reasons = self._health.reasons
        if not reasons:
            return web.Response(text="ok\n")
        lines = "".join(f"{topic}: {why}\n" for topic, why in sorted(reasons.items()))
        return web.Response(status=503, text=lines)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await asyncio.to_thread(prometheus, self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})
