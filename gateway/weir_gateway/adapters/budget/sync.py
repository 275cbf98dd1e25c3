"""Renews budget leases twice a second and at shutdown, and updates the gauges."""

import asyncio
import logging
from typing import Final

from weir_gateway.domain.money import usd
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.budget.budgets import Budgets
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

INTERVAL: Final = 0.5  # seconds; what a killed gateway spent in this time stays granted to it
CLOSE_TIMEOUT: Final = 3.0  # seconds that the end waits for the last exchange


class BudgetSync:
    """The task that renews leases."""

    def __init__(self, budgets: Budgets, registry: Registry) -> None:
        self._budgets = budgets
        self._degraded = False
        self._spent = registry.gauge(
            "weir.budget.spent",
            "Spent of the period's budget, by all gateways.",
            ("policy",),
            unit="{USD}",
        )
        self._planned = registry.gauge(
            "weir.budget.planned",
            "What the plan has for the period up to now.",
            ("policy",),
            unit="{USD}",
        )
        self._limit = registry.gauge(
            "weir.budget.limit", "The period's budget.", ("policy",), unit="{USD}"
        )

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.sync()

    async def close(self) -> None:
        """Renew a last time, within CLOSE_TIMEOUT."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._budgets.renew(last=True)
        except TimeoutError:
            _LOG.warning("the last budget spending could not be stored: it stays granted")

    async def sync(self) -> None:
        """Renew once and update the gauges."""
        await self._budgets.renew()
        states = self._budgets.states()
        for policy, state in states.items():
            self._spent.labels(policy).set(usd(state.spent))
            self._planned.labels(policy).set(usd(state.planned))
            self._limit.labels(policy).set(usd(state.limit))
        alone = any(state.degraded for state in states.values())
        if alone is not self._degraded:
            self._degraded = alone
            _log_degraded(alone=alone)

    def on_table_change(self, table: RouteTable) -> None:
        """Drop the budgets of removed policies."""
        self._budgets.retain({policy.id for policy in table.policies})


def _log_degraded(*, alone: bool) -> None:
    if alone:
        _LOG.warning("the store of budgets can't be reached: this gateway spends within its part")
    else:
        _LOG.info("the store of budgets is there again")
