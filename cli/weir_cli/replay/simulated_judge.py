"""A simulated judge for `weir replay`, and what a cascade pays beside its answers.

Judges' verdicts are not recorded, so a skill is assumed: the probability of preferring a right
answer to a wrong one. The verdicts reach the gateway by the mock provider: a script of answers
says which of them the judge accepts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weir_cli.mock_provider.config import script_line
from weir_cli.mock_provider.judge import RIGHT, WRONG
from weir_cli.policy_files import named_policies
from weir_lab.arrays import Doubles
from weir_lab.replay import Choice
from weir_lab.replay.savings import judged, judgement_usd
from weir_policy.ids import BackendId
from weir_policy.table import Table

_MICRO_PER_MILLION = 1e12  # micro-USD per million tokens, as USD a token
ESCALATED, ACCEPTED, CACHED = "cascade_escalated", "cascade_accepted", "cache"


@dataclass(frozen=True, slots=True)
class CascadeCosts:
    """The cascade of one policy, as the route table has it."""

    weak: str  # the provider's name of the first candidate's model, by which the script knows it
    judge_usd: float  # USD per input token; 0 without a judge


def cascade_costs(table: Table, policy: str | None) -> CascadeCosts | None:
    """Of the policy, or the first one; None where it has no cascade."""
    for entry in named_policies(table, policy):
        cascade = entry.spec.cascade
        if cascade is None:
            return None
        backends = {backend.id: backend.spec for backend in table.backends}
        weak = backends[BackendId(entry.spec.candidates[0].backend)]
        judge = None if cascade.judge is None else backends[BackendId(cascade.judge.backend)]
        price = 0.0 if judge is None else (judge.price.input or 0) / _MICRO_PER_MILLION
        return CascadeCosts(weak.model, price)
    return None


def write_script(
    path: Path, cascade: CascadeCosts, prompts: Sequence[str], weak: Doubles, auc: float, seed: int
) -> None:
    """The first candidate's answers, each saying whether a judge of this skill accepts it."""
    pleased = judged(weak, auc, seed) >= 0
    with path.open("w", encoding="utf-8") as file:
        for prompt, good in zip(prompts, pleased, strict=True):
            file.write(script_line(cascade.weak, prompt, RIGHT if good else WRONG))


def side_costs(
    choices: Sequence[Choice],
    prompts: Sequence[str],
    cost: Doubles,
    chosen: Sequence[int],
    cascade: CascadeCosts | None,
) -> Doubles:
    """USD for each prompt beside the chosen answer's; `cost` is [prompts, candidates].

    A cached answer costs nothing, so the chosen one's cost is subtracted.
    """
    beside = np.zeros(len(choices))
    per_token = cascade.judge_usd if cascade is not None else 0.0
    chars = np.array([len(prompt) for prompt in prompts], dtype=np.float64)
    judging = judgement_usd(chars, per_token)
    for at, choice in enumerate(choices):
        if choice.reason == ESCALATED:
            beside[at] = cost[at, 0] + judging[at]
        elif choice.reason == ACCEPTED:
            beside[at] = judging[at]
        elif choice.reason == CACHED and chosen[at] >= 0:
            beside[at] = -cost[at, chosen[at]]
    return beside
