"""A line of feedback beside the ledger's. Must not know where it is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rating:
    """What one key said of one decision. A field that has a default may be added."""

    decision: str  # the id
    key: str  # the name of the client's key; empty where none is asked for
    at: int  # microseconds since 1970, UTC
    rating: float | None  # [0,1]; None where a model was preferred
    preferred: str  # the name of the model; empty where a rating was given
    weight: float  # of the key, as it was then
    comment: str | None  # kept only where content is
