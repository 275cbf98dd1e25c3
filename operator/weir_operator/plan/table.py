"""Writes accepted resources down as weir.routing.v1.RouteTable. Decides nothing."""

import hashlib
from collections.abc import Iterator

from weir_operator.plan.caches import cache_message
from weir_operator.plan.cascades import cascade_message, judge_message
from weir_operator.plan.check import candidate_key
from weir_operator.plan.limits import FAILURES as LIMITS_FAILURES
from weir_operator.plan.limits import limits_message
from weir_operator.plan.resilience import OWN_WEIGHT, fallback_on, set_resilience
from weir_policy.reading.resources import ModelBackend, RoutePolicy
from weir_policy.spec.auth import Auth, SecretKeyRef
from weir_policy.spec.backend import Capability, ModelBackendSpec, Price, Protocol, client_refs
from weir_policy.spec.objective import Budget, Objective, Period, SpendingPlan, WhenSpent
from weir_policy.spec.policy import Exploration, Mode, Rule, RuleFallback, ScorerFailure
from weir_policy.spec.router import Variant
from weir_proto.routing.v1 import routetable_pb2 as wire

PROTOCOLS = {
    Protocol.OPENAI: wire.PROTOCOL_OPENAI,
    Protocol.ANTHROPIC: wire.PROTOCOL_ANTHROPIC,
}
CAPABILITIES = {
    Capability.TOOLS: wire.CAPABILITY_TOOLS,
    Capability.VISION: wire.CAPABILITY_VISION,
    Capability.JSON_SCHEMA: wire.CAPABILITY_JSON_SCHEMA,
    Capability.STATE: wire.CAPABILITY_STATE,
}
FAILURES = {
    ScorerFailure.WEAK: wire.SCORER_FAILURE_WEAK,
    ScorerFailure.STRONG: wire.SCORER_FAILURE_STRONG,
    ScorerFailure.REJECT: wire.SCORER_FAILURE_REJECT,
}
SECONDS = {Period.HOUR: 3_600, Period.DAY: 86_400, Period.MONTH: 30 * 86_400}
PERIODS = {
    Period.HOUR: wire.PERIOD_HOUR,
    Period.DAY: wire.PERIOD_DAY,
    Period.MONTH: wire.PERIOD_MONTH,
}
WHEN_SPENT = {
    WhenSpent.WEAKEST: wire.WHEN_SPENT_WEAKEST,
    WhenSpent.REJECT: wire.WHEN_SPENT_REJECT,
}
PLANS = {
    SpendingPlan.TRAFFIC: wire.SPENDING_PLAN_TRAFFIC,
    SpendingPlan.EVEN: wire.SPENDING_PLAN_EVEN,
}
MODES = {Mode.ENFORCE: wire.MODE_ENFORCE, Mode.SHADOW: wire.MODE_SHADOW}


def versioned(policies: list[wire.Policy], backends: list[wire.Backend]) -> wire.RouteTable:
    """The table, its version the sha256 of its bytes without one."""
    table = wire.RouteTable(backends=backends, policies=policies)
    table.version = hashlib.sha256(table.SerializeToString(deterministic=True)).hexdigest()
    return table


def backend_message(backend: ModelBackend) -> wire.Backend:
    """One backend as the gateway reads it."""
    spec, ref = backend.spec, backend.meta.ref
    timeouts = spec.timeouts
    message = wire.Backend(
        id=ref.id,
        name=ref.name,
        protocol=PROTOCOLS[spec.protocol],
        endpoint=spec.endpoint,
        model=spec.model,
        price=_price(spec.price),
        context_window=spec.context_window or 0,
        capabilities=sorted(CAPABILITIES[c] for c in spec.capabilities),
        timeouts=wire.Timeouts(
            connect_ms=timeouts.connect,
            first_token_ms=timeouts.first_token,
            idle_ms=timeouts.idle,
            total_ms=timeouts.total,
        ),
        profile=spec.profile or spec.model,
        limits=wire.Limits(
            in_flight=spec.limits.in_flight or 0,
            requests_per_minute=spec.limits.requests_per_minute or 0,
            tokens_per_minute=spec.limits.tokens_per_minute or 0,
        ),
        wires=sorted(spec.wires),
        query=[wire.Setting(name=q.name, value=q.value) for q in spec.query],
        headers=[wire.Setting(name=h.name, value=h.value) for h in spec.headers],
        uid=backend.meta.uid,
        generation=backend.meta.generation,
    )
    set_resilience(message, spec)
    if spec.batches is not None:
        message.batches.discount = spec.batches.discount
    if spec.auth is not None:
        message.auth.CopyFrom(_auth(spec.auth, ref.namespace))
    message.endpoints.extend(_endpoints(spec, message, ref.namespace))
    if spec.tls is not None and spec.tls.ca_secret_ref is not None:
        message.ca.CopyFrom(_secret(spec.tls.ca_secret_ref, ref.namespace))
    if spec.tls is not None and spec.tls.client_secret_ref is not None:
        certificate, key = client_refs(spec.tls.client_secret_ref)
        message.client_certificate.CopyFrom(_secret(certificate, ref.namespace))
        message.client_key.CopyFrom(_secret(key, ref.namespace))
    return message


def policy_message(policy: RoutePolicy) -> wire.Policy:
    """One policy as the gateway reads it; candidates' names become backends' ids."""
    spec = policy.spec
    ids = {c.backend: "/".join(candidate_key(policy, c)) for c in spec.candidates}
    return wire.Policy(
        id=policy.meta.ref.id,
        generation=policy.meta.generation,
        match=wire.Match(
            models=spec.match.models,
            headers=[wire.HeaderMatch(name=h.name, value=h.value) for h in spec.match.headers],
        ),
        candidates=list(ids.values()),
        rules=[_rule(rule, ids[rule.use]) for rule in spec.rules],
        router="" if spec.router.name == "default" else spec.router.name,
        objective=_objective(spec.objective),
        failure_mode=wire.FailureMode(
            scorer=FAILURES[spec.failure_mode.scorer],
            upstream=[ids[name] for name in spec.failure_mode.upstream],
            fallback_on=fallback_on(spec.failure_mode),
            limits=LIMITS_FAILURES[spec.failure_mode.limits],
        ),
        expose=_expose(policy),
        mode=MODES[spec.mode],
        variants=[_variant(one) for one in spec.variants],
        sticky_ms=spec.session.sticky if spec.session is not None else 0,
        limits=limits_message(spec.limits),
        cache=cache_message(spec.cache),
        probes=[wire.Probe(prompt=p.prompt, expect=ids[p.expect]) for p in spec.probes],
        uid=policy.meta.uid,
        exploration=_exploration(spec.exploration),
        cascade=cascade_message(spec.cascade, policy.meta.ref.namespace),
        judge=judge_message(spec.router.judge, policy.meta.ref.namespace),
    )


def _exploration(exploration: Exploration | None) -> wire.Exploration | None:
    if exploration is None:
        return None
    return wire.Exploration(
        band=exploration.band,
        share=exploration.share,
        budget_micro_usd=exploration.budget.usd,
        period_s=SECONDS[exploration.budget.per],
    )


def _variant(variant: Variant) -> wire.Variant:
    message = wire.Variant(
        name=variant.name, weight=variant.weight, objective=_objective(variant.objective)
    )
    if variant.router is not None:
        message.router = "" if variant.router.name == "default" else variant.router.name
    return message


def _rule(rule: Rule, use: str) -> wire.Rule:
    confined = rule.fallback is RuleFallback.NONE
    return wire.Rule(name=rule.name, when=rule.when, use=use, no_fallback=confined)


def _price(price: Price) -> wire.Price:
    cached, write = price.cached_input, price.cache_write
    return wire.Price(
        input=price.input,
        output=price.output,
        cached_input=price.input if cached is None else cached,
        cache_write=price.input if write is None else write,
    )


def _auth(auth: Auth, namespace: str) -> wire.Auth:
    header = auth.header or ""
    if auth.secret_ref is not None:
        return wire.Auth(secret=_secret(auth.secret_ref, namespace), header=header)
    if auth.env is not None:
        return wire.Auth(env=auth.env, header=header)
    return wire.Auth(passthrough=True)


def _endpoints(
    spec: ModelBackendSpec, own: wire.Backend, namespace: str
) -> Iterator[wire.Endpoint]:
    """All of them, its own the first; none where there are no others."""
    if not spec.endpoints:
        return
    yield wire.Endpoint(endpoint=spec.endpoint, auth=own.auth, weight=OWN_WEIGHT)
    for extra in spec.endpoints:
        auth = own.auth if extra.auth is None else _auth(extra.auth, namespace)
        yield wire.Endpoint(
            endpoint=extra.endpoint or spec.endpoint, auth=auth, weight=extra.weight
        )


def _secret(ref: SecretKeyRef, namespace: str) -> wire.SecretRef:
    return wire.SecretRef(namespace=namespace, name=ref.name, key=ref.key)


def _objective(objective: Objective | None) -> wire.Objective | None:
    if objective is None:
        return None
    if objective.threshold is not None:
        return wire.Objective(threshold=objective.threshold)
    if objective.strong_share is not None:
        return wire.Objective(strong_share=objective.strong_share)
    if objective.quality is not None:
        kept = objective.quality
        quality = wire.Retention(retention=kept.retention, confidence=kept.confidence)
        return wire.Objective(quality=quality)
    if objective.budget is not None:
        return wire.Objective(budget=_budget(objective.budget))
    return wire.Objective()  # exactly one is there: the shape sees to it


def _budget(budget: Budget) -> wire.Budget:
    return wire.Budget(
        micro_usd=budget.usd,
        per=PERIODS[budget.per],
        when_spent=WHEN_SPENT[budget.when_spent],
        plan=PLANS[budget.plan],
    )


def _expose(policy: RoutePolicy) -> wire.Expose:
    expose = policy.spec.expose
    message = wire.Expose(score=expose.score, route=expose.route, direct=expose.direct)
    if expose.client_threshold is not None:
        bounds = expose.client_threshold
        message.client_threshold.CopyFrom(wire.ClientThreshold(min=bounds.min, max=bounds.max))
    return message
