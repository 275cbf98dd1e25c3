"""Tells the store what budgets have spent, twice a second and once more at the end; keeps gauges.

Must not know stores or how spending is paced.
"""

import asyncio
import logging
from typing import Final

from weir_gateway.domain.money import usd
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.budget.budgets import Budgets
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

EVERY: Final = 0.5  # seconds; what a killed gateway spent in this time stays granted to it
LAST: Final = 3.0  # seconds that the end waits for the last exchange


class BudgetKeeper:
    """The task."""

    def __init__(self, budgets: Budgets, registry: Registry) -> None:
        self._budgets = budgets
        self._alone = False
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
        """Exchange until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.exchange()

    async def end(self) -> None:
        """Tell what was spent last, for as long as an end may take."""
        try:
            async with asyncio.timeout(LAST):
                await self._budgets.exchange(last=True)
        except TimeoutError:
            _LOG.warning("what budgets spent last could not be told: it stays granted")

    async def exchange(self) -> None:
        """One exchange, and the gauges after it."""
        await self._budgets.exchange()
        states = self._budgets.states()
        for policy, state in states.items():
            self._spent.labels(policy).set(usd(state.spent))
            self._planned.labels(policy).set(usd(state.planned))
            self._limit.labels(policy).set(usd(state.limit))
        alone = any(state.alone for state in states.values())
        if alone is not self._alone:
            self._alone = alone
            _say(alone=alone)

    def in_force(self, table: RouteTable) -> None:
        """Forget the budgets of policies that are gone."""
        self._budgets.keep_only({policy.id for policy in table.policies})


def _say(*, alone: bool) -> None:
    if alone:
        _LOG.warning("the store of budgets can't be reached: this gateway spends within its part")
    else:
        _LOG.info("the store of budgets is there again")
