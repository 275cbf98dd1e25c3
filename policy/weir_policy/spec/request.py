"""What is changed in the requests to a ModelBackend: the declaration and nothing else."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast

from weir_policy.fields.composite import ITSELF, List
from weir_policy.fields.json_values import (
    BODY_PATH,
    MAX_FIELDS,
    PROTECTED,
    PROTECTED_MESSAGE,
    BoundsByPath,
    JsonByPath,
)
from weir_policy.fields.shapes import Check, defaulted, shape

_NAMES: Final = ", ".join(f"'{name}'" for name in PROTECTED)
# Where the wires have how hard a model is to think.
_EFFORTS: Final = (
    ("reasoning_effort",),
    ("reasoning", "effort"),
    ("output_config", "effort"),
    ("thinking", "budget_tokens"),
    ("generationConfig", "thinkingConfig", "thinkingLevel"),
    ("generationConfig", "thinkingConfig", "thinkingBudget"),
)


@shape
class RequestChanges:
    """What is changed in every request to the backend, in the fields of the wire it speaks."""

    CHECKS: ClassVar = (
        Check(
            f"!has(self.drop) || !self.drop.exists(path, path in [{_NAMES}])",
            PROTECTED_MESSAGE,
            "drop",
        ),
    )

    drop: tuple[str, ...] = defaulted(
        List(BODY_PATH, at_most=MAX_FIELDS, unique=ITSELF),
        "Fields that are left out, such as `stream_options` or `tools[].function.strict`. "
        "`x-weir-dropped` names those that the client had sent.",
        default=[],
    )
    set: tuple[tuple[str, str], ...] = defaulted(
        JsonByPath(),
        "Fields that are set to any value, whatever the client sent, such as `reasoning_effort: "
        "low`. Two backends of one model that differ here are two candidates.",
        default={},
    )
    max: tuple[tuple[str, float], ...] = defaulted(
        BoundsByPath(),
        "The largest number that goes on; a larger one becomes this, such as `max_tokens: 8192`.",
        default={},
    )

    @property
    def effort(self) -> str:
        """How hard the model is told to think; empty where nothing says so."""
        values = {tuple(path.split(".")): json.loads(text) for path, text in self.set}
        for path in _EFFORTS:
            for length in range(len(path), 0, -1):
                effort = _at(values.get(path[:length]), path[length:])
                if isinstance(effort, str | int) and not isinstance(effort, bool):
                    return str(effort)
        return ""


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else None
    return value
