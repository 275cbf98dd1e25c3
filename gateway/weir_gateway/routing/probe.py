"""A policy's probes: decisions that must hold before its table serves.

Each probe's prompt is decided as if a client had sent it to that policy as its one user turn.
"""

from weir_gateway.domain.decision import UNSCORED
from weir_gateway.domain.errors import BadTable, ScorerUnavailable, WeirError
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Policy, RouteTable
from weir_gateway.routing.context import Purpose, RoutingContext
from weir_gateway.routing.decide import Decider
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_policy.facts import Facts
from weir_policy.model_patterns import sample_model
from weir_policy.spec.policy import Probe
from weir_wires.wire import Wire

CHARS_PER_TOKEN = 3  # the estimate from above that requests use


async def check_probes(decider: Decider, table: RouteTable, score_timeout: float) -> None:
    """Raise BadTable, naming the policy, for the first probe that does not hold.

    Raises ScorerUnavailable where a probe could not be decided: the table may be good.
    """
    for policy in table.policies:
        for probe in policy.probes:
            context = _context(decider, table, policy, probe.prompt, score_timeout)
            await _check(decider, context, policy, probe)


async def _check(decider: Decider, context: RoutingContext, policy: Policy, probe: Probe) -> None:
    shown = f"policy {policy.id}, probe {probe.prompt[:60]!r}"
    try:
        decision = await decider.decide(context)
    except WeirError as error:
        raise BadTable(f"{shown}: {error.message}", policy=policy.id) from error
    decided = decision.intended or decision
    if decided.reason in UNSCORED:
        raise ScorerUnavailable(f"{shown}: {decided.detail}")
    if decided.chosen.id != probe.expect:
        raise BadTable(
            f"{shown}: expected {probe.expect}, decided {decided.chosen.id} ({decided.label})",
            policy=policy.id,
        )


def _context(
    decider: Decider, table: RouteTable, policy: Policy, prompt: str, score_timeout: float
) -> RoutingContext:
    return RoutingContext(
        request=probe_request(policy, prompt),
        table=table,
        purpose=Purpose.PROBE,
        score_timeout=score_timeout,
        match=PolicyMatch(decider.compiled(table).by_id[policy.id]),
    )


def probe_request(policy: Policy, prompt: str) -> Request:
    """What routing would see of a request with `prompt` as its one user turn."""
    model = sample_model(policy.models[0] if policy.models else "auto")
    headers = dict(policy.headers)
    facts = Facts(
        model=model,
        stream=False,
        turns=1,
        messages=1,
        chars=len(prompt),
        tools=0,
        images=0,
        json_schema=False,
        max_tokens=0,
        temperature=1.0,
        user="",
        headers=headers,
        text=prompt,
    )
    return Request(
        wire=_wire(policy),
        body=b"",
        model=model,
        model_span=(0, 0),
        stream=False,
        headers=headers,
        scored_text=prompt,
        facts=facts,
        needs=frozenset(),
        prompt_tokens=len(prompt) // CHARS_PER_TOKEN + 1,
        max_tokens=0,
    )


def _wire(policy: Policy) -> Wire:
    """Chat where anybody takes it; a policy may be for embeddings alone."""
    taken = policy.candidates[0].takes.union(*(b.takes for b in policy.candidates[1:]))
    return Wire.OPENAI_CHAT if Wire.OPENAI_CHAT in taken else min(taken)
