"""Exchanges shares with other gateways, many times a second if need be, and updates the gauges."""

import asyncio
import logging
from typing import Final

from weir_gateway.routing.share.thresholds import ShareThresholds
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

INTERVAL: Final = 0.5  # seconds between two exchanges where little is served
SHORTEST: Final = 0.05  # seconds between two exchanges where much is
CLOSE_TIMEOUT: Final = 3.0  # seconds that the end waits for the last exchange


class ShareSync:
    """The task that exchanges."""

    def __init__(self, shares: ShareThresholds, registry: Registry) -> None:
        self._shares = shares
        self._alone = False
        self._share = registry.gauge(
            "weir.strong.share",
            "The strong model's share of a policy's last 500 requests, beside the one asked for.",
            ("policy", "variant", "side"),
        )

    async def run(self) -> None:
        """Exchange until cancelled."""
        while True:
            await asyncio.sleep(SHORTEST)
            await self._shares.wait_for_news(INTERVAL)
            await self.sync()

    async def close(self) -> None:
        """Exchange a last time, within CLOSE_TIMEOUT."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._shares.exchange()
        except TimeoutError:
            _LOG.warning("the last scores could not be shared: other gateways go on without them")

    async def sync(self) -> None:
        """Exchange once and update the gauges."""
        alone = not await self._shares.exchange()
        for key, served in self._shares.served():
            self._share.labels(key.policy, key.variant, "asked").set(key.share)
            self._share.labels(key.policy, key.variant, "served").set(served)
        if alone is not self._alone:
            self._alone = alone
            _log_alone(alone=alone)


def _log_alone(*, alone: bool) -> None:
    if alone:
        _LOG.warning("the store of shares can't be reached: this gateway follows its own requests")
    else:
        _LOG.info("the store of shares is there again")
