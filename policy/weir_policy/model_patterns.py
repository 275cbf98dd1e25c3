"""Model names with a wildcard: which names a pattern matches, and which pattern goes first.

A pattern has one `*`, which stands for any characters, none included: `claude-*`, `*-mini`, `*`.
"""

from dataclasses import dataclass
from typing import Final

from weir_policy.ids import ModelName

WILDCARD: Final = "*"
WILDCARDS_FEATURE: Final = "modelWildcards"  # what a gateway must support to match patterns
_SAMPLE: Final = "auto"  # stands for the wildcard where a name is needed


@dataclass(frozen=True, slots=True)
class ModelPattern:
    """One pattern, split at its wildcard."""

    prefix: str
    suffix: str

    def matches(self, model: str) -> bool:
        """Whether `model` starts and ends as the pattern does, without overlap."""
        return (
            len(model) >= len(self.prefix) + len(self.suffix)
            and model.startswith(self.prefix)
            and model.endswith(self.suffix)
        )

    @property
    def rank(self) -> tuple[int, int]:
        """The smaller, the more specific: more characters, then more of them in front.

        Two patterns of one rank that both match a name are equal.
        """
        return -len(self.prefix) - len(self.suffix), -len(self.prefix)


def model_pattern(name: str) -> ModelPattern | None:
    """The pattern that `name` is; None for a plain name."""
    prefix, wildcard, suffix = name.partition(WILDCARD)
    return ModelPattern(prefix, suffix) if wildcard else None


def sample_model(name: str) -> ModelName:
    """A model that `name` matches: itself, or the pattern with its wildcard filled in."""
    return ModelName(name.replace(WILDCARD, _SAMPLE))
