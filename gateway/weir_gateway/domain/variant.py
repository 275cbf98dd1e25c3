"""Variants of a policy that compete: which one a request has. Must not know how it is drawn."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assigned:
    """A request's variant."""

    name: str
    share: float  # (0,1] of conversations that have it
    unit: str  # the conversation, as a hash: all its requests have the same variant
