"""Decisions whose requests Envoy has sent, until their answers are accounted.

The stream that asked for a decision may see the answer. If it doesn't, a second filter in
observability mode may: it claims the decision by its id. What none of them sees is estimated.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from weir_gateway.domain.ids import DecisionId
from weir_gateway.extproc.answers import UNSEEN, AnswerEnd
from weir_gateway.extproc.decide import Decided
from weir_gateway.routing.account import Ending
from weir_gateway.routing.pipeline import Routing
from weir_gateway.routing.ports import Clock

MAX_OPEN: Final = 20_000  # decisions; about 4 KB each and the prompt's text


class OpenDecisions:
    """Accounts each decision once."""

    def __init__(self, routing: Routing, clock: Clock, *, claim_within: float) -> None:
        """An answer that was not seen is awaited for `claim_within` seconds."""
        self._routing = routing
        self._clock = clock
        self._claim_within = claim_within
        self._open: OrderedDict[DecisionId, Decided] = OrderedDict()
        self._waiting: dict[DecisionId, asyncio.TimerHandle] = {}
        self._claimed = 0

    def __len__(self) -> int:
        """All that are not accounted yet, claimed ones among them."""
        return len(self._open) + self._claimed

    def add(self, decided: Decided) -> None:
        """Await the answer of `decided`; beyond the bound the oldest is estimated."""
        self._open[decided.decision.id] = decided
        if len(self._open) > MAX_OPEN:
            self.close(next(iter(self._open)), UNSEEN)

    def claim(self, decision: DecisionId) -> Decided | None:
        """Hand a decision to who sees its answer and closes it; None for one that isn't open."""
        decided = self._open.pop(decision, None)
        if decided is not None:
            self._claimed += 1
        timer = self._waiting.pop(decision, None)
        if timer is not None:
            timer.cancel()
        return decided

    def leave(self, decision: DecisionId) -> None:
        """Let go of a decision whose answer was not seen: another stream may claim it."""
        if decision in self._open and decision not in self._waiting:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._claim_within, self.close, decision, UNSEEN)
            self._waiting[decision] = timer

    def close(self, decision: DecisionId, end: AnswerEnd) -> None:
        """Account a decision that is still open."""
        decided = self.claim(decision)
        if decided is not None:
            self.account(decided, end)

    def account(self, decided: Decided, end: AnswerEnd) -> None:
        """Account a claimed decision."""
        self._claimed -= 1
        ending = Ending(
            status=end.status,
            usage=end.usage,
            overhead=decided.overhead,
            duration=self._clock() - decided.started,
            error=end.error,
            side_costs=decided.side_costs.snapshot(),
            written=end.written,
        )
        self._routing.account(decided.request, decided.decision, ending)

    def close_all(self) -> None:
        """Account what is open, estimated: nothing comes any more."""
        for decision in list(self._open):
            self.close(decision, UNSEEN)
