"""A RoutePolicy's caches: whose answers are given again, to what. The declaration only."""

from enum import StrEnum
from typing import ClassVar

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import DURATION, PROBABILITY, TEMPERATURE
from weir_policy.fields.kinds import Choice
from weir_policy.fields.shapes import Check, defaulted, optional, required, shape


class CacheScope(StrEnum):
    """Who shares kept answers."""

    KEY = "key"
    POLICY = "policy"


@shape
class ExactCache:
    """Answers to the very same request."""

    ttl: float = required(DURATION, "How long an answer is stored.")


@shape
class SemanticCache:
    """Answers to a request that means the same."""

    ttl: float = required(DURATION, "How long an answer is stored.")
    similarity: float = defaulted(
        PROBABILITY,
        "The lowest cosine between the two prompts' embeddings. Their wording must also be "
        "equal, except for case, punctuation, courtesies and the like.",
        default="0.80",
    )


@shape
class Cache:
    "Which answers are stored and given again."

    CHECKS: ClassVar = (
        Check("has(self.exact) || has(self.semantic)", "write exact, semantic or both"),
    )

    exact: ExactCache | None = optional(Object(ExactCache), "For an equal request.")
    semantic: SemanticCache | None = optional(
        Object(SemanticCache), "For a request with the same wording."
    )
    scope: CacheScope = defaulted(
        Choice(CacheScope),
        "Who shares answers: each client key has its own (key), or all keys that may use the "
        "policy share them (policy). Without client keys all clients are one.",
        default="key",
    )
    temperature: float = defaulted(
        TEMPERATURE,
        "The highest temperature of a request that takes part; a request without one has 1.",
        default="0",
    )
