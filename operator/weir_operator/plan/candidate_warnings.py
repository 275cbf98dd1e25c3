"""Candidates that a policy never needs: dominated ones.

A candidate is dominated where another one is cheaper in every price of tokens, dearer in none, and
no worse: it has the same profile.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from weir_operator.plan.check import SPEC, CheckedBackend, candidate_key
from weir_operator.plan.findings import Advice
from weir_policy.fields.mistakes import Path
from weir_policy.reading.resources import RoutePolicy
from weir_policy.spec.backend import ModelBackendSpec

TOKENS: Final = ("input", "output")  # the prices that every request pays
CANDIDATES: Final[Path] = (*SPEC, "candidates")


def candidate_warnings(
    policy: RoutePolicy, backends: Mapping[tuple[str, str], CheckedBackend]
) -> Iterator[Advice]:
    """What is probably not meant by the policy's candidates."""
    found = [backends.get(candidate_key(policy, c)) for c in policy.spec.candidates]
    specs = [None if one is None else one.backend.spec for one in found]
    objective = policy.spec.objective
    if objective is not None and (objective.value is not None or objective.budget is not None):
        yield from _dominated(policy, specs)


def _dominated(policy: RoutePolicy, specs: Sequence[ModelBackendSpec | None]) -> Iterator[Advice]:
    for index, (candidate, spec) in enumerate(zip(policy.spec.candidates, specs, strict=True)):
        for other, rival in zip(policy.spec.candidates, specs, strict=True):
            if spec is None or rival is None or not _dominates(rival, spec):
                continue
            message = (
                f"{candidate.backend} has the profile of {other.backend} and is dearer: it only "
                "answers where the other can't"
            )
            name = candidate.backend
            hint = f"give it a profile of its own with `weir profile`, or leave {name} out"
            yield Advice((*CANDIDATES, index, "backend"), message, hint)
            break


def _dominates(one: ModelBackendSpec, other: ModelBackendSpec) -> bool:
    if one.profile_name != other.profile_name:
        return False
    prices = [(getattr(one.price, name), getattr(other.price, name)) for name in TOKENS]
    if any(mine is None or theirs is None for mine, theirs in prices):
        return False
    return all(mine <= theirs for mine, theirs in prices) and any(
        mine < theirs for mine, theirs in prices
    )
