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

    ttl: float = required(DURATION, "How long an answer is kept.")


@shape
class SemanticCache:
    """Answers to a request that means the same."""

    ttl: float = required(DURATION, "How long an answer is kept.")
    similarity: float = defaulted(
        PROBABILITY,
        "The least cosine between the two prompts' embeddings; beside it their wording must be the "
        "same but for case, punctuation, courtesies and the like.",
        default="0.80",
    )


@shape
class Cache:
    """Answers that are given again."""

    CHECKS: ClassVar = (
        Check("has(self.exact) || has(self.semantic)", "write exact, semantic or both"),
    )

    exact: ExactCache | None = optional(Object(ExactCache), "To the very same request.")
    semantic: SemanticCache | None = optional(
        Object(SemanticCache), "To a request that means the same."
    )
    scope: CacheScope = defaulted(
        Choice(CacheScope),
        "Who may be given an answer that was made for somebody else: nobody, each client key has "
        "answers of its own (key), or whoever may use the policy (policy). Without client keys all "
        "clients are one.",
        default="key",
    )
    temperature: float = defaulted(
        TEMPERATURE,
        "The highest temperature of a request that takes part; a request that names none has 1.",
        default="0",
    )
