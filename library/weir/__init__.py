"""The decision as a library: which model answers a prompt, without a server.

    import weir

    decision = weir.decide("Refute Zeno's arrow.", "policies/")
    print(decision.model, decision.reason)

docs/library.md has the whole interface.
"""

from weir.decider import Decider
from weir.decision import Candidate, Decision
from weir.errors import (
    BadRequest,
    DeciderClosed,
    Error,
    NoBundle,
    NoPolicy,
    PolicyMistakes,
    Refused,
)
from weir.shared import adecide, decide

__all__ = [
    "BadRequest",
    "Candidate",
    "Decider",
    "DeciderClosed",
    "Decision",
    "Error",
    "NoBundle",
    "NoPolicy",
    "PolicyMistakes",
    "Refused",
    "adecide",
    "decide",
]
