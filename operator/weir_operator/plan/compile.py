"""All resources in, one Plan out: the table of what is good, and a finding on every resource."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from weir_operator.plan.check import CheckedBackend, Form, check_backend, check_policy
from weir_operator.plan.endpoints import Networks
from weir_operator.plan.findings import Advice, Finding, Problem, Reason
from weir_operator.plan.prices import NO_PRICES, PricedBackend, Prices, price_backend
from weir_operator.plan.promises import Proofs, promise_of
from weir_operator.plan.secrets import UNREADABLE, Credential, SecretIndex
from weir_operator.plan.warnings import backend_warnings, policy_warnings
from weir_policy.reading.resources import (
    Invalid,
    Meta,
    ResourceKind,
    ResourceRef,
    Resources,
    RoutePolicy,
)
from weir_policy.table import Table, backend_entry, build, policy_entry


@dataclass(frozen=True, slots=True)
class Plan:
    """What to publish and what to report. Only `credentials` holds secrets' values."""

    table: Table
    table_json: bytes  # the same table
    credentials: tuple[Credential, ...]  # of the table's backends, sorted
    findings: tuple[Finding, ...]  # one per policy and backend, sorted by ref

    @property
    def warnings(self) -> tuple[tuple[ResourceRef, Advice], ...]:
        """Every warning, with whose it is."""
        return tuple((found.ref, advice) for found in self.findings for advice in found.warnings)

    @property
    def problems(self) -> tuple[tuple[ResourceRef, Problem], ...]:
        """Every problem, with whose it is."""
        return tuple((found.ref, problem) for found in self.findings for problem in found.problems)


def compile_table(
    resources: Resources,
    form: Form,
    *,
    routers: frozenset[str] | None = None,
    proofs: Proofs | None = None,
    allowed: Networks = (),
    prices: Prices = NO_PRICES,
) -> Plan:
    """Compile everything at once. No two resources share a ref; their order is without effect.

    A resource with a problem is left out of the table and told in its finding; so is a policy with
    a candidate that is left out. `routers` are those of the scorer's bundle, None where it is not
    known, as are `proofs`; `allowed` are addresses that endpoints may have though a cluster
    refuses them; `prices` has the catalog that backends name models of.
    """
    secrets: SecretIndex = {
        **dict.fromkeys(resources.unreadable, UNREADABLE),
        **{(s.meta.ref.namespace, s.meta.ref.name): s for s in resources.secrets},
    }
    ordered = sorted(resources.backends, key=lambda b: b.meta.ref.id)
    priced = [price_backend(backend, prices.catalog) for backend in ordered]
    checked = {
        (p.backend.meta.ref.namespace, p.backend.meta.ref.name): _with_price(
            check_backend(p.backend, secrets, form, allowed), p
        )
        for p in priced
    }
    broken = frozenset(
        (i.meta.ref.namespace, i.meta.ref.name)
        for i in resources.invalid
        if i.meta.ref.kind is ResourceKind.BACKEND
    )
    own = {p.meta.ref: check_policy(p, checked, broken, routers) for p in resources.policies}
    judged = list(_settle_conflicts(sorted(resources.policies, key=_match_order), own))
    good = [found for found in checked.values() if not found.problems]
    table, table_json = build(
        (policy_entry(policy) for policy, problems in judged if not problems),
        (backend_entry(found.backend) for found in good),
    )
    partly = [i.partial for i in resources.invalid if isinstance(i.partial, RoutePolicy)]
    more = {p.meta.ref: check_policy(p, checked, broken, routers) for p in partly}
    findings = [
        *_invalid(resources.invalid, more),
        *(_policy_finding(p, problems, checked, proofs) for p, problems in judged),
        *(
            _backend_finding(found, backend_warnings(found, prices.oldest))
            for found in checked.values()
        ),
    ]
    return Plan(
        table,
        table_json,
        _credentials(good),
        tuple(sorted(findings, key=lambda found: found.ref)),
    )


def _with_price(found: CheckedBackend, priced: PricedBackend) -> CheckedBackend:
    problems = (*priced.problems, *found.problems)
    return replace(found, problems=problems, price=priced.origin)


def _backend_finding(found: CheckedBackend, warnings: tuple[Advice, ...]) -> Finding:
    finding = _finding(found.backend.meta, found.problems, warnings)
    return replace(finding, price=found.price)


def _policy_finding(
    policy: RoutePolicy,
    problems: tuple[Problem, ...],
    backends: Mapping[tuple[str, str], CheckedBackend],
    proofs: Proofs | None,
) -> Finding:
    promise = promise_of(policy, proofs)
    advice = policy_warnings(policy, backends, promise)
    return replace(_finding(policy.meta, problems, advice), promise=promise)


def _match_order(policy: RoutePolicy) -> tuple[int, str, ResourceRef]:
    """More specific first, then older, then by namespace and name."""
    return -len(policy.spec.match.headers), policy.meta.created, policy.meta.ref


def _settle_conflicts(
    policies: list[RoutePolicy], own: dict[ResourceRef, tuple[Problem, ...]]
) -> Iterator[tuple[RoutePolicy, tuple[Problem, ...]]]:
    """In match order; a policy with other problems conflicts with none."""
    winners: dict[tuple[str, frozenset[tuple[str, str]]], ResourceRef] = {}
    paths: dict[tuple[str, str], ResourceRef] = {}
    for policy in policies:
        problems = own[policy.meta.ref]
        if not problems:
            headers = frozenset((h.name, h.value) for h in policy.spec.match.headers)
            keys = [(model, headers) for model in policy.spec.match.models]
            problems = tuple(
                _conflict(index, key[0], winners[key])
                for index, key in enumerate(keys)
                if key in winners
            )
            problems = problems or tuple(_path_conflicts(policy, paths))
            if not problems:
                winners.update(dict.fromkeys(keys, policy.meta.ref))
                paths.update(dict.fromkeys(_paths(policy), policy.meta.ref))
        yield policy, problems


def _paths(policy: RoutePolicy) -> list[tuple[str, str]]:
    """Each path and method that the policy passes through."""
    return [(each.path, method) for each in policy.spec.passthrough for method in each.methods]


def _path_conflicts(
    policy: RoutePolicy, winners: Mapping[tuple[str, str], ResourceRef]
) -> Iterator[Problem]:
    for index, each in enumerate(policy.spec.passthrough):
        for method in each.methods:
            winner = winners.get((each.path, method))
            if winner is not None:
                at = ("spec", "passthrough", index, "path")
                message = f"{method} {each.path} is passed through by {winner} already"
                yield Problem(Reason.CONFLICT, at, message, "name another path")


def _conflict(index: int, model: str, winner: ResourceRef) -> Problem:
    return Problem(
        Reason.CONFLICT,
        ("spec", "match", "models", index),
        f"{model} is served by {winner} already, with the same headers",
        "match another model or more headers",
    )


def _credentials(good: list[CheckedBackend]) -> tuple[Credential, ...]:
    return tuple(sorted({credential for found in good for credential in found.credentials}))


def _finding(
    meta: Meta, problems: tuple[Problem, ...], warnings: tuple[Advice, ...] = ()
) -> Finding:
    return Finding(meta.ref, meta.generation, problems, meta.uid, warnings)


def _invalid(
    invalid: tuple[Invalid, ...], further: Mapping[ResourceRef, tuple[Problem, ...]]
) -> Iterator[Finding]:
    """The mistakes in what is written, then what else is wrong with what can be read of it."""
    for found in invalid:
        if found.meta.ref.kind is not ResourceKind.SECRET:
            problems = [
                Problem(Reason.INVALID_SPEC, m.path, m.message, m.hint) for m in found.mistakes
            ]
            yield _finding(found.meta, (*problems, *further.get(found.meta.ref, ())))
