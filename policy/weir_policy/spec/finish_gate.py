"""A RoutePolicy's finish gate, for agents' finished runs: the declaration only."""

from enum import StrEnum
from typing import ClassVar, Final

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import BACKEND, PROBABILITY, SHARE, USD, WORD
from weir_policy.fields.kinds import Choice, Whole
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape
from weir_policy.ids import BackendId, PicoUsd
from weir_policy.spec.stage import PRIOR

TO_STRONG: Final = BackendId("strong")
TO_OTHER: Final = BackendId("other")


class GateStreams(StrEnum):
    """What becomes of an answer that is streamed."""

    HOLD = "hold"
    UNSEEN = "pass"


@shape
class ExpectedRates:
    """What is known of two models' runs, for the estimate of what the gate is worth."""

    CHECKS: ClassVar = (
        Check(
            "has(self.weakUsd) == has(self.strongUsd)",
            "write both, or neither: then the prices tell how much more the strong model costs",
            "weakUsd",
        ),
    )

    weak: float = required(SHARE, "The share of tasks that the weak model solves.")
    strong: float = required(SHARE, "The share of tasks that the strong model solves.")
    runs: int = defaulted(
        Whole(at_least=1, at_most=1_000_000),
        "How many labelled runs the shares come from: the fewer, the wider the interval.",
        default=100,
    )
    auroc: float = defaulted(
        PROBABILITY,
        "How often the finish score is higher for a failed run of the weak model than for one "
        "that solved its task; 0.70 to 0.82 on recorded runs.",
        default="0.7",
    )
    weak_usd: PicoUsd | None = optional(USD, "What a task costs on the weak model.")
    strong_usd: PicoUsd | None = optional(USD, "What a task costs on the strong model.")


@shape
class FinishGate:
    """Where the weak model says that it is done, the whole run is scored."""

    CHECKS: ClassVar = (
        Check("has(self.bar) != has(self.share)", "write either bar or share", "bar"),
    )

    bar: float | None = optional(
        PROBABILITY,
        "From this probability of failure on, another model gets the last word on a finished run.",
    )
    share: float | None = optional(
        SHARE,
        "The share of finished runs that another model gets, by the policy's own scores: the bar "
        "follows them.",
    )
    to: BackendId = defaulted(
        BACKEND,
        "Which model that is: the last candidate that can serve (strong), the last one but the "
        "one that has finished (other), for two equals that check one another, or a candidate's "
        "name, which goes first.",
        default=TO_STRONG,
    )
    weights: str = defaulted(
        WORD,
        "The weights of the score: `prior` needs no fit; another name is the file "
        "`<name>.json` in the gateway's WEIR_AGENT_WEIGHTS.",
        default=PRIOR,
    )
    min_turns: int = defaulted(
        Whole(at_least=1, at_most=1000),
        "The least turns of a run that is scored, the last one included.",
        default=3,
    )
    streams: GateStreams = defaulted(
        Choice(GateStreams),
        "For streams: buffer the answer while it may be the run's last one, until a tool call "
        "begins (hold), or don't look at streams (pass).",
        default="hold",
    )
    max_per_session: int = defaulted(
        Whole(at_least=1, at_most=100),
        "How often another model may take over in one session.",
        default=1,
    )
    max_usd: PicoUsd | None = optional(
        USD, "What the other model may cost in one session. Not set: no ceiling."
    )
    expected: ExpectedRates | None = optional(
        Object(ExpectedRates),
        "Measured shares of solved tasks: `weir policy check` warns where the gate would cost "
        "more than it saves.",
    )


# What a policy with this gate must not say.
GATE_CHECKS: Final = (
    Check(
        "!has(self.finishGate) || !has(self.cascade)",
        "can't be combined with cascade, which looks at every answer of the weak model already",
        "finishGate",
    ),
    Check(
        "!has(self.finishGate) || size(self.candidates) >= 2",
        "needs a candidate that gets the last word: write two or more, weakest first",
        "finishGate",
    ),
    Check(
        "!has(self.finishGate) || !has(self.finishGate.to) || "
        "self.finishGate.to in ['strong', 'other'] || "
        "self.candidates.exists(c, c.backend == self.finishGate.to)",
        "to must be strong, other, or a candidate's name",
        "finishGate",
    ),
)
