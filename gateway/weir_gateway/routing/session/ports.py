"""Where sessions are remembered."""

from typing import Protocol

from weir_gateway.domain.session import AgentState, Session, SessionKeys, TaskState
from weir_policy.ids import PicoUsd


class SessionStore(Protocol):
    """Remembers sessions for a while: bounded, forgets the least recently used. Never raises."""

    async def recall(self, keys: SessionKeys, now: float) -> Session:
        """What is remembered at `now` (seconds since 1970)."""
        ...

    def keep_agent(self, keys: SessionKeys, state: AgentState, seconds: float) -> None:
        """Remember where one agent stands for `seconds`, and its session as long."""
        ...

    def keep_pins(self, task: str, state: TaskState, seconds: float) -> None:
        """Remember a session's pins and headers; its spending stays as it is."""
        ...

    async def reserve(
        self, task: str, amount: PicoUsd, ceiling: PicoUsd | None, seconds: float
    ) -> bool:
        """Count `amount` as spent if that stays within `ceiling`; False: nothing was counted."""
        ...

    def settle(self, task: str, change: int, seconds: float) -> None:
        """Add `change` (pico-USD, negative too) to what was counted."""
        ...
