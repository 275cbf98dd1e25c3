"""A RoutePolicy's router `stage`, for agents' conversations: the declaration only."""

from typing import Final

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import PROBABILITY, ROUTER, SHARE, USD, WORD
from weir_policy.fields.kinds import Whole
from weir_policy.fields.shapes import Check, defaulted, optional, shape
from weir_policy.ids import PicoUsd, RouterName

STAGE_ROUTER: Final = RouterName("stage")  # of an agent's conversation, not of a text
PRIOR: Final = "prior"  # the weights that need no fit


@shape
class Plan:
    """The strong model plans, and the weak one executes."""

    turns: int = defaulted(
        Whole(at_least=1, at_most=50),
        "The strong model answers at the beginning of an agent's conversation until the first "
        "edit, and for at most so many turns; again after a compaction, and after each message "
        "that the user writes.",
        default=4,
    )


@shape
class Stage:
    """When an agent's conversation goes to the strong model, and when it returns."""

    text: RouterName = defaulted(
        ROUTER,
        "The router of the scorer's bundle that scores texts: it decides requests without calls "
        "of tools, and breaks near ties of an agent's conversation.",
        default="default",
    )
    weights: str = defaulted(
        WORD,
        "The weights of the score: `prior` needs no fit; another name is the file "
        "`<name>.json` in the gateway's WEIR_AGENT_WEIGHTS, see docs/agents.md. "
        "Weights that were fitted on another program's sessions are not used.",
        default=PRIOR,
    )
    settled_turns: int = defaulted(
        Whole(at_least=1, at_most=100),
        "The weak model takes over again only after so many turns in a row without an error or "
        "a failing test, counted from the turn at which the strong one took over.",
        default=3,
    )
    return_below: float | None = optional(
        PROBABILITY,
        "The weak model takes over again only where the score is below this. Not set: three "
        "quarters of the threshold.",
    )
    max_strong_usd: PicoUsd | None = optional(
        USD,
        "What the strong model may cost in one session; then the weak one goes on. Not set: no "
        "ceiling.",
    )
    plan: Plan | None = optional(
        Object(Plan), "Let the strong model plan and the weak one execute. Not set: it does not."
    )
    swap_share: float | None = optional(
        SHARE,
        "The share of an agent's turns that go to the other model, at most one in a session and "
        "logged with its probability, so that the ledger can tell what the router's choices are "
        "worth. Not set: none.",
    )


# Whether a policy's router is `stage`.
_STAGE = "has(self.router) && has(self.router.name) && self.router.name == 'stage'"

# What a policy with this router must not say.
STAGE_CHECKS: Final = (
    Check(
        f"!({_STAGE}) || !has(self.objective) || has(self.objective.threshold) || "
        "has(self.objective.strongShare)",
        "the router stage needs a threshold or a strongShare: nothing certifies a quality of "
        "its turns, and maxStrongUsd is its ceiling of cost",
        "objective",
    ),
    Check(
        f"!({_STAGE}) || !has(self.variants) || self.variants.all(v, has(v.router) || "
        "!has(v.objective) || has(v.objective.threshold) || has(v.objective.strongShare))",
        "the router stage needs a threshold or a strongShare; name another router in the variant",
        "variants",
    ),
    Check(
        f"!({_STAGE}) || !has(self.cascade)",
        "can't be combined with the router stage, which would pay for both models at every turn",
        "cascade",
    ),
    Check(
        f"!({_STAGE}) || !has(self.exploration)",
        "can't be combined with the router stage: write its swapShare",
        "exploration",
    ),
    Check(
        f"!({_STAGE}) || !has(self.session) || !has(self.session.sticky)",
        "sticky can't be combined with the router stage, which counts the price of a cold "
        "prompt cache itself",
        "session",
    ),
)
