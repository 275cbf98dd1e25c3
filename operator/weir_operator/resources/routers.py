"""Who scores a RoutePolicy's prompts: the declaration only."""

from typing import ClassVar

from weir_operator.resources.cascades import Judge
from weir_operator.resources.formats import WORD
from weir_operator.resources.shapes import Check, Object, defaulted, optional, shape


@shape
class Router:
    """How a prompt is scored."""

    CHECKS: ClassVar = (
        Check(
            "has(self.judge) == (has(self.name) && self.name == 'judge')",
            "name a judge's backend with the router judge, and with no other",
            "judge",
        ),
    )

    name: str = defaulted(
        WORD,
        "A router of the scorer's bundle, such as `linear`, `length` or `random`; `default` is "
        "the bundle's own choice. `judge` asks a model.",
        otherwise="default",
    )
    judge: Judge | None = optional(
        Object(Judge), "The model that rates how hard a prompt is, for the router `judge`."
    )
