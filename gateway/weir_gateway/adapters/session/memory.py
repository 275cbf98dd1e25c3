"""Sessions in this process; the least recently used are forgotten first."""

from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.domain.session import AgentState, Session, SessionKeys, TaskState
from weir_gateway.routing.ports import Clock
from weir_policy.ids import PicoUsd
from weir_runtime.lru import LruDict

NO_TASK: Final = TaskState()


@dataclass(frozen=True, slots=True)
class _Agent:
    until: float
    state: AgentState


@dataclass(frozen=True, slots=True)
class _Task:
    until: float
    state: TaskState


class MemorySessionStore:
    """What one gateway remembers."""

    def __init__(self, clock: Clock, *, entries: int) -> None:
        """At most `entries` sessions and as many agents, about 0.6 kB each; 0 stores none."""
        self._clock = clock
        self._agents: LruDict[str, _Agent] = LruDict(entries)
        self._tasks: LruDict[str, _Task] = LruDict(entries)

    async def recall(self, keys: SessionKeys, now: float) -> Session:
        """What is remembered; `now` is seconds since 1970."""
        return Session(keys, now, self._agent(keys.agent), self.task(keys.task))

    def keep_agent(self, keys: SessionKeys, state: AgentState, seconds: float) -> None:
        """Remember where one agent stands for `seconds`, and its session as long."""
        self._agents.put(keys.agent, _Agent(self._clock() + seconds, state))
        if self._tasks.get(keys.task) is not None:
            self._put(keys.task, self.task(keys.task), seconds)

    def keep_pins(self, task: str, state: TaskState, seconds: float) -> None:
        """Remember a session's pins and headers; its spending stays as it is."""
        self._put(task, replace(state, spent=self.task(task).spent), seconds)

    async def reserve(
        self, task: str, amount: PicoUsd, ceiling: PicoUsd | None, seconds: float
    ) -> bool:
        """Count `amount` as spent if that stays within `ceiling`."""
        return self.reserve_now(task, amount, ceiling, seconds)

    def reserve_now(
        self, task: str, amount: PicoUsd, ceiling: PicoUsd | None, seconds: float
    ) -> bool:
        """The same, at once."""
        if ceiling is not None and self.task(task).spent + amount > ceiling:
            return False
        self.settle(task, amount, seconds)
        return True

    def settle(self, task: str, change: int, seconds: float) -> None:
        """Add `change` to what was counted."""
        known = self.task(task)
        spent = PicoUsd(max(known.spent + change, 0))
        self._put(task, replace(known, spent=spent), seconds)

    def learn(self, task: str, state: TaskState, seconds: float) -> None:
        """Take over what the store of all gateways knows."""
        self._put(task, state, seconds)

    def task(self, task: str) -> TaskState:
        """What is remembered of a session."""
        entry = self._tasks.get(task)
        if entry is None or entry.until <= self._clock():
            return NO_TASK
        return entry.state

    def _agent(self, agent: str) -> AgentState | None:
        entry = self._agents.get(agent)
        if entry is None:
            return None
        if entry.until <= self._clock():
            self._agents.discard(agent)
            return None
        return entry.state

    def _put(self, task: str, state: TaskState, seconds: float) -> None:
        self._tasks.put(task, _Task(self._clock() + seconds, state))
