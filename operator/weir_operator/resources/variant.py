"""Variants of a RoutePolicy: the declaration only."""

from typing import ClassVar

from weir_operator.resources.formats import WORD
from weir_operator.resources.kinds import Whole
from weir_operator.resources.objective import Objective
from weir_operator.resources.shapes import Check, Object, optional, required, shape


@shape
class VariantRouter:
    """How a variant's prompts are scored."""

    name: str = required(WORD, "A router of the scorer's bundle, or `default`; not `judge`.")


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
            "!has(self.router) || self.router.name != 'judge'",
            "can't be judge: write it as the policy's router, and the others as variants",
            "router",
        ),
    )

    name: str = required(WORD, "Shown in metrics, ledger and `weir experiment`.")
    weight: int = required(
        Whole(at_least=1, at_most=10_000), "Its part of the sum of all variants' weights."
    )
    router: VariantRouter | None = optional(Object(VariantRouter), "Not set: the policy's.")
    objective: Objective | None = optional(Object(Objective), "Not set: the policy's.")
