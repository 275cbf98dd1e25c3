"""The router that scores a RoutePolicy's prompts, and the variants that compete with it."""

from typing import ClassVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import ROUTER, WORD
from weir_policy.fields.kinds import Whole
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape
from weir_policy.ids import RouterName
from weir_policy.spec.cascade import Judge
from weir_policy.spec.objective import Objective
from weir_policy.spec.stage import Stage


@shape
class Router:
    """How a prompt is scored."""

    CHECKS: ClassVar = (
        Check(
            "has(self.judge) == (has(self.name) && self.name == 'judge')",
            "name a judge's backend with the router judge, and with no other",
            "judge",
        ),
        Check(
            "!has(self.stage) || (has(self.name) && self.name == 'stage')",
            "is for the router stage: write name: stage",
            "stage",
        ),
    )

    name: RouterName = defaulted(
        ROUTER,
        "A router of the scorer's bundle, such as `linear`, `length` or `random`; `default` is "
        "the bundle's own choice. `judge` calls a model; `stage` reads where an agent's "
        "conversation stands, see docs/agents.md.",
        default="default",
    )
    judge: Judge | None = optional(
        Object(Judge), "The model that rates how hard a prompt is, for the router `judge`."
    )
    stage: Stage | None = optional(
        Object(Stage), "Settings of the router `stage`.", feature="stage"
    )


@shape
class VariantRouter:
    """How a variant's prompts are scored."""

    name: RouterName = required(
        ROUTER, "A router of the scorer's bundle, or `default`; neither `judge` nor `stage`."
    )


@shape
class Variant:
    """The policy with another router or objective, for a share of its conversations."""

    CHECKS: ClassVar = (
        Check(
            "!has(self.objective) || !has(self.objective.budget)",
            "can't be a budget: variants would spend one another's",
            "objective",
        ),
        Check(
            "!has(self.router) || (self.router.name != 'judge' && self.router.name != 'stage')",
            "can't be judge or stage: write it as the policy's router, and the others as variants",
            "router",
        ),
    )

    name: str = required(WORD, "Shown in metrics, ledger and `weir experiment`.")
    weight: int = required(
        Whole(at_least=1, at_most=10_000),
        "Its share, relative to the sum of all variants' weights.",
    )
    router: VariantRouter | None = optional(Object(VariantRouter), "Not set: the policy's.")
    objective: Objective | None = optional(Object(Objective), "Not set: the policy's.")
