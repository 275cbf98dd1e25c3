"""A route table compiled to run: names resolved and rules compiled, once per table.

A table that can't be compiled is refused here, before it serves.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from weir_gateway.domain.decision import AssignedVariant
from weir_gateway.domain.errors import BadTable
from weir_gateway.domain.request import ClientKey
from weir_gateway.domain.table import Backend, Policy, RouteTable, Rule, Variant
from weir_gateway.routing.policy.passthroughs import PassthroughEntry, PassthroughIndex
from weir_gateway.routing.policy.wildcards import WildcardIndex
from weir_policy.facts import Facts
from weir_policy.ids import BackendId, ModelName, PolicyId, RouterName
from weir_policy.model_patterns import ModelPattern, model_pattern
from weir_policy.spec.backend import Capability
from weir_policy.spec.cascade import Judge
from weir_wires.wire import Wire

NAMES_LISTED = 12  # in the message for an unknown `model`


class Condition(Protocol):
    """A rule's `when`, compiled."""

    def holds(self, facts: Facts) -> bool:
        """Whether it holds for a request. Raises RuleFailed where it can't be evaluated."""
        ...


class RuleFailed(Exception):
    """A rule can't be evaluated for this request; the message says why."""


class Conditions(Protocol):
    """The language rules are written in."""

    def compile(self, when: str) -> Condition:
        """Compile once per table. Raises ValueError, saying where, when it does not parse."""
        ...


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule, ready to be asked."""

    name: str
    condition: Condition
    use: Backend
    no_fallback: bool = False


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy and what would otherwise be worked out again for each request."""

    policy: Policy
    rules: tuple[CompiledRule, ...]
    fallbacks: tuple[Backend, ...]
    shared: frozenset[Capability]  # what every candidate has
    takes: frozenset[Wire]  # the clients' wires that every candidate can serve
    narrowest: int  # the smallest context window among the candidates; 0: none is known
    candidates_digest: str  # a hash of all that decides who answers, where answers are kept
    judge: Backend | None = None  # of its cascade's answers
    difficulty_judge: Backend | None = None  # of prompts, where its router is `judge`
    variants: tuple["CompiledVariant", ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledVariant:
    """A variant, and the policy as it has it."""

    variant: Variant
    policy: CompiledPolicy


@dataclass(frozen=True, slots=True)
class PolicyMatch:
    """The policy that serves a request, and what the client's `model` said beyond its name."""

    policy: CompiledPolicy
    direct: Backend | None = None  # the client named the backend itself
    router: RouterName | None = None  # the client named a router and ...
    threshold: float | None = None  # ... the threshold
    variant: AssignedVariant | None = None  # the variant that `policy` is as, where it has variants


@dataclass(frozen=True, slots=True)
class PassthroughRoute:
    """Where the calls of one path go."""

    policy: CompiledPolicy
    backend: Backend
    path: str  # as the policy writes it


@dataclass(frozen=True, slots=True)
class CompiledTable:
    """A table's policies by what a client may write in `model`, each list in match order."""

    table: RouteTable
    by_id: dict[PolicyId, CompiledPolicy]
    by_model: dict[str, tuple[PolicyMatch, ...]]
    by_backend: dict[str, tuple[PolicyMatch, ...]]  # where direct calls are exposed
    by_pattern: WildcardIndex[PolicyMatch]
    pattern_names: dict[str, tuple[PolicyMatch, ...]]  # candidates' names that a pattern matches
    client_threshold: tuple[CompiledPolicy, ...]
    passthroughs: PassthroughIndex[PassthroughRoute]
    known_models: str  # the names there are, for an error's text


def compile_table(table: RouteTable, conditions: Conditions) -> CompiledTable:
    """Make `table` ready to serve. Raises BadTable naming the policy and what is wrong with it."""
    policies = [_policy(policy, table, conditions) for policy in table.policies]
    by_model: defaultdict[str, list[PolicyMatch]] = defaultdict(list)
    by_backend: defaultdict[str, list[PolicyMatch]] = defaultdict(list)
    patterns: list[tuple[ModelPattern, PolicyMatch]] = []
    for compiled in policies:
        for model in compiled.policy.models:
            pattern = model_pattern(model)
            if pattern is None:
                by_model[model].append(PolicyMatch(compiled))
            else:
                patterns.append((pattern, PolicyMatch(compiled)))
        if compiled.policy.expose.direct:
            for backend in compiled.policy.candidates:
                for name in (backend.name, *backend.spec.aliases):
                    by_backend[name].append(PolicyMatch(compiled, direct=backend))
    by_pattern = WildcardIndex(patterns)
    return CompiledTable(
        table=table,
        by_id={compiled.policy.id: compiled for compiled in policies},
        by_model={name: tuple(found) for name, found in by_model.items()},
        by_backend={name: tuple(found) for name, found in by_backend.items()},
        by_pattern=by_pattern,
        pattern_names=_pattern_names(policies, by_pattern),
        client_threshold=tuple(p for p in policies if p.policy.expose.client_threshold),
        passthroughs=PassthroughIndex(
            entry for compiled in policies for entry in _passthroughs(compiled, table)
        ),
        known_models=_listed(
            [*by_model, *by_backend, *(m for p in policies for m in p.policy.models)]
        ),
    )


def _passthroughs(
    compiled: CompiledPolicy, table: RouteTable
) -> Iterator[PassthroughEntry[PassthroughRoute]]:
    for each in compiled.policy.spec.passthrough:
        backend = _backend(each.backend, compiled.policy, table)
        route = PassthroughRoute(compiled, backend, each.path)
        for method in each.methods:
            yield PassthroughEntry(method, each.path, route)


def callable_models(compiled: CompiledTable, key: ClientKey | None = None) -> tuple[ModelName, ...]:
    """What a client may write in `model`: policies' names, then backends', in table order.

    A pattern stands for the names of its policy's candidates that it matches. With a key, only
    what that key may use.
    """
    by_backend = compiled.by_backend if key is None or key.direct else {}
    names = [
        name
        for index in (compiled.by_model, by_backend, compiled.pattern_names)
        for name, matches in index.items()
        if _may_use(matches, key)
    ]
    return tuple(ModelName(name) for name in dict.fromkeys(names))


def is_callable(compiled: CompiledTable, model: str, key: ClientKey | None = None) -> bool:
    """Whether a client, or `key`, may write `model`: one of the names above or of a pattern's."""
    by_backend = compiled.by_backend if key is None or key.direct else {}
    exact = [*compiled.by_model.get(model, ()), *by_backend.get(model, ())]
    return _may_use(exact or tuple(compiled.by_pattern.find(model)), key)


def _may_use(matches: Iterable[PolicyMatch], key: ClientKey | None) -> bool:
    return any(key is None or key.may_use(match.policy.policy.id) for match in matches)


def _pattern_names(
    policies: Iterable[CompiledPolicy], by_pattern: WildcardIndex[PolicyMatch]
) -> dict[str, tuple[PolicyMatch, ...]]:
    """The names and aliases of candidates, and their providers' names, that patterns match."""
    backends = [backend for compiled in policies for backend in compiled.policy.candidates]
    names = (name for b in backends for name in (b.name, b.model, *b.spec.aliases))
    found = {name: tuple(by_pattern.find(name)) for name in dict.fromkeys(names)}
    return {name: matches for name, matches in found.items() if matches}


def _policy(policy: Policy, table: RouteTable, conditions: Conditions) -> CompiledPolicy:
    plain = _plain(policy, table, conditions)
    if not policy.variants:
        return plain
    variants = (
        CompiledVariant(one, _plain(_as(policy, one), table, conditions)) for one in policy.variants
    )
    return replace(plain, variants=tuple(variants))


def _as(policy: Policy, variant: Variant) -> Policy:
    """The policy as `variant` has it."""
    changed = policy
    if variant.router is not None:
        changed = replace(changed, router=variant.router, judge=None, stage=None)
    if variant.objective is not None:
        changed = replace(changed, objective=variant.objective)
    return changed


def _plain(policy: Policy, table: RouteTable, conditions: Conditions) -> CompiledPolicy:
    if not policy.candidates:
        raise BadTable(f"policy {policy.id} has no candidates: name at least one", policy=policy.id)
    windows = [b.context_window for b in policy.candidates if b.context_window]
    return CompiledPolicy(
        policy=policy,
        rules=tuple(_rule(rule, policy, table, conditions) for rule in policy.rules),
        fallbacks=tuple(_backend(id_, policy, table) for id_ in policy.upstream_order),
        shared=policy.candidates[0].capabilities.intersection(
            *(b.capabilities for b in policy.candidates[1:])
        ),
        takes=policy.candidates[0].takes.intersection(*(b.takes for b in policy.candidates[1:])),
        narrowest=min(windows, default=0),
        candidates_digest=_answerers(policy) if policy.cache is not None else "",
        judge=_judge(policy.cascade.judge if policy.cascade else None, policy, table),
        difficulty_judge=_judge(policy.judge, policy, table),
    )


def _answerers(policy: Policy) -> str:
    candidates = [
        (
            *(b.id, b.uid, b.protocol, b.endpoint, b.model),
            *(sorted(b.wires), b.query, b.headers, b.spec.request),
        )
        for b in policy.candidates
    ]
    fields = (
        policy.id,
        policy.uid,
        candidates,
        policy.router,
        policy.objective,
        policy.cascade,
        policy.finish_gate,
        policy.judge,
    )
    return sha256(repr(fields).encode("utf-8", "surrogatepass")).hexdigest()


def _judge(judge: Judge | None, policy: Policy, table: RouteTable) -> Backend | None:
    return None if judge is None else _backend(judge.backend, policy, table)


def _rule(rule: Rule, policy: Policy, table: RouteTable, conditions: Conditions) -> CompiledRule:
    try:
        condition = conditions.compile(rule.when)
    except ValueError as error:
        raise BadTable(
            f"policy {policy.id}, rule {rule.name}: {error}", policy=policy.id
        ) from error
    use = _backend(rule.use, policy, table)
    return CompiledRule(rule.name, condition, use, rule.no_fallback)


def _backend(id_: BackendId, policy: Policy, table: RouteTable) -> Backend:
    backend = table.backends.get(id_)
    if backend is None:
        raise BadTable(f"policy {policy.id} names {id_}, which the table lacks", policy=policy.id)
    return backend


def _listed(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = ", ..." if len(unique) > NAMES_LISTED else ""
    return ", ".join(unique[:NAMES_LISTED]) + more
