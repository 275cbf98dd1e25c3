"""What the router `stage` saw and did at one turn of an agent: for explain, ledger and header."""

from dataclasses import dataclass
from enum import StrEnum

from weir_gateway.domain.money import NOTHING
from weir_policy.ids import PicoUsd


class StageStep(StrEnum):
    """What it did; the same word in the reason `stage:<word>` everywhere."""

    WEAK = "weak"  # the weak model goes on
    STRONG = "strong"  # the strong model is needed, and at work
    UP = "up"  # the strong model takes over
    HOLD = "hold"  # the strong model stays until the work has settled
    RETURN = "return"  # the weak model takes over again
    PLAN = "plan"  # the strong model plans
    CEILING = "ceiling"  # the strong model has cost what it may in this session
    SWAP = "swap"  # drawn against the choice, so that the two can be compared


@dataclass(frozen=True, slots=True)
class StageView:
    """One turn as the router saw it."""

    step: StageStep
    strong: bool  # what is remembered: whether the strong model is at work after this turn
    up: float  # from this score on the strong model takes over
    back: float  # below this score the weak one does
    agent: float  # how probable it is that the run fails, [0,1]
    text: float | None  # the text's score; None where there is none
    before: bool | None  # whether the strong model was at work; None: not remembered
    settled: int  # turns without a failure that count towards the return
    settled_turns: int  # that it needs
    in_order: bool = True  # False: an earlier turn than the last one, which changes no memory
    swapped: bool = False  # a turn of this session was swapped, now or before
    spent: PicoUsd = NOTHING  # by the strong model in this session
    ceiling: PicoUsd | None = None
    weights: str = ""  # the name of the score's weights
    weights_note: str = ""  # why other weights are used than the policy names
    session: str = ""  # the conversation as a hash; empty where nothing tells it
    signals: tuple[tuple[str, float], ...] = ()  # what moved `agent`, logits; for who asks why
