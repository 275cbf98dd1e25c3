"""What a finish gate is worth by its own estimate, where that is a loss or not shown.

Without rates of solved tasks nothing can be said, and that is said.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from weir_agents.gate_value import GateEstimate, GateVerdict, Spread, gate_pays
from weir_operator.plan.check import SPEC, CheckedBackend, candidate_key
from weir_operator.plan.findings import Advice
from weir_policy.fields.mistakes import Path
from weir_policy.reading.resources import RoutePolicy
from weir_policy.spec.finish_gate import TO_OTHER, TO_STRONG, ExpectedRates, FinishGate
from weir_policy.spec.policy import Candidate

GATE: Final[Path] = (*SPEC, "finishGate")
PROMPT_TOKENS: Final = 20  # for each token of an answer: an agent sends its history again
UNPROVEN: Final = "Unproven: no rates of solved tasks are written, so nothing says that it pays"
MEASURE: Final = "write `expected` with the two models' rates on your tasks; `weir eval --agents`"
KEEP_OUT: Final = "leave finishGate out, or send such tasks to the strong model at once"


def gate_warnings(
    policy: RoutePolicy, backends: Mapping[tuple[str, str], CheckedBackend]
) -> Iterator[Advice]:
    """At most one: that the gate loses, that no gain is shown, or that nothing is known."""
    gate = policy.spec.finish_gate
    if gate is None or len(policy.spec.candidates) < 2:  # noqa: PLR2004 - a mistake of its own
        return
    if gate.expected is None:
        yield Advice(GATE, UNPROVEN, MEASURE)
        return
    estimate = _estimate(policy, gate, gate.expected, backends)
    if estimate is None:
        return
    advice = _between_equals if gate.to == TO_OTHER else _against_strong
    yield from advice(estimate, gate.expected)


def _against_strong(estimate: GateEstimate, expected: ExpectedRates) -> Iterator[Advice]:
    saved = f"{_percent(estimate.saved)} against the strong model alone at its rate"
    at = (*GATE, "expected")
    if estimate.verdict is GateVerdict.LOSES:
        yield Advice(at, f"the gate would lose: it saves {saved}", KEEP_OUT)
    elif estimate.verdict is GateVerdict.UNCLEAR:
        hint = f"label more than {expected.runs} runs, or fit the weights on your own"
        yield Advice(at, f"no gain is shown: it saves {saved}", hint)


def _between_equals(estimate: GateEstimate, expected: ExpectedRates) -> Iterator[Advice]:
    alone = max(expected.weak, expected.strong)
    if estimate.best_rate.low <= alone:
        best = _percent(estimate.best_rate)
        message = f"no gain is shown: at best {best} of tasks are solved, {alone:.0%} by one alone"
        yield Advice((*GATE, "expected"), message, KEEP_OUT)


def _estimate(
    policy: RoutePolicy,
    gate: FinishGate,
    expected: ExpectedRates,
    backends: Mapping[tuple[str, str], CheckedBackend],
) -> GateEstimate | None:
    """None where neither costs nor prices are known."""
    candidates = policy.spec.candidates
    named = next((c for c in candidates if c.backend == gate.to), candidates[-1])
    strong = candidates[-1] if gate.to in {TO_STRONG, TO_OTHER} else named
    weak_cost = expected.weak_usd or _cost(policy, candidates[0], backends)
    strong_cost = expected.strong_usd or _cost(policy, strong, backends)
    if not weak_cost or not strong_cost or not expected.auroc:
        return None
    return gate_pays(
        expected.weak, expected.strong, weak_cost, strong_cost, expected.auroc, expected.runs
    )


def _cost(
    policy: RoutePolicy, candidate: Candidate, backends: Mapping[tuple[str, str], CheckedBackend]
) -> float | None:
    """What a task costs relative to other models: by the prices, at the same number of tokens."""
    checked = backends.get(candidate_key(policy, candidate))
    price = None if checked is None else checked.backend.spec.price
    if price is None or price.input is None or price.output is None:
        return None
    return float(price.input * PROMPT_TOKENS + price.output)


def _percent(spread: Spread) -> str:
    return f"{spread.value:.0%} ({spread.low:.0%} to {spread.high:.0%})"
