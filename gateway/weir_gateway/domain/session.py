"""What is remembered of a conversation between its requests, and what a request changes of it."""

from dataclasses import dataclass, field
from typing import Final

from weir_gateway.domain.money import NOTHING
from weir_policy.ids import BackendId, PicoUsd

NO_BACKEND: Final = BackendId("")


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Where a conversation is remembered, as hashes."""

    task: str  # the whole session: what the strong model has cost, and the pins
    agent: str  # one agent's conversation in it: the main one's, or a sub-agent's


@dataclass(frozen=True, slots=True)
class AgentState:
    """One agent's conversation as its last request left it. A field with a default may be added."""

    strong: bool  # whether the strong model is at work
    turn: int  # messages of the model in the last request
    strong_turns: int  # turns since the strong model took over
    request_mark: str  # of the last request, so that one that is sent again counts once
    backend: BackendId  # that answered
    tokens: int  # of its prompt, which its provider may have in a prompt cache
    seen: float  # seconds since 1970
    user_seen: float = 0.0  # when the user wrote last, in seconds since 1970
    edits: int = 0  # edits before the user's last message
    swapped: bool = False  # a turn was given to the other model, to compare
    gates: int = 0  # how often a finish gate has let another model take over
    gate_backend: BackendId = NO_BACKEND  # the model that took over last
    gate_user_turns: int = 0  # messages of the user then: it stays until there are more


@dataclass(frozen=True, slots=True)
class TaskState:
    """A whole session."""

    spent: PicoUsd = NOTHING  # by the strong model, what is reserved included
    pins: tuple[str, ...] = ()  # rules that hold from now on
    headers: tuple[tuple[str, str], ...] = ()  # labels, as the client wrote them last


@dataclass(frozen=True, slots=True)
class Session:
    """What was remembered when a request came."""

    keys: SessionKeys
    now: float  # seconds since 1970
    agent: AgentState | None = None  # None: its first request, or forgotten
    task: TaskState = field(default_factory=TaskState)


@dataclass(frozen=True, slots=True)
class SessionReservation:
    """What a request may cost on the strong model, counted against its session's ceiling."""

    task: str
    amount: PicoUsd
    seconds: float  # how long the session is remembered


NO_STATE: Final = AgentState(
    strong=False, turn=0, strong_turns=0, request_mark="", backend=NO_BACKEND, tokens=0, seen=0.0
)
