"""What is wrong with one backend or one policy, beyond its shape: the problems and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from weir_operator.plan.endpoints import Networks, forbidden, foreign
from weir_operator.plan.findings import PriceOrigin, Problem, Reason
from weir_operator.plan.rules import faults
from weir_operator.plan.secrets import Credential, Holds, SecretIndex, look_up
from weir_policy.fields.mistakes import Path, nearest
from weir_policy.reading.resources import ModelBackend, RoutePolicy
from weir_policy.spec.auth import Auth, AwsIdentity, CloudSpec, SecretKeyRef, cloud_refs
from weir_policy.spec.backend import client_refs
from weir_policy.spec.cascade import Judge
from weir_policy.spec.passthrough import Passthrough
from weir_policy.spec.policy import Candidate
from weir_policy.spec.stage import STAGE_ROUTER
from weir_wires.registry import WIRES

SPEC: Path = ("spec",)
JUDGE_ROUTER = "judge"  # a model, and none of the scorer's routers
OWN_PATHS = frozenset({"/v1/models", "/v1/route", "/v1/feedback", "/v1/files", "/v1/batches"}) | {
    f"/v1{spec.path}" for spec in WIRES.values() if spec.path
}
JUDGED_ON = frozenset({"chat", "messages"})  # the wires that judges are asked on


class Form(Enum):
    """Where resources come from. A cluster is shared and refuses some of what files may say."""

    FILE = "file"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class CheckedBackend:
    """A backend, what is wrong with it, and the secrets' values it needs."""

    backend: ModelBackend
    problems: tuple[Problem, ...]
    credentials: tuple[Credential, ...]
    price: PriceOrigin | None = None


def check_backend(
    backend: ModelBackend, secrets: SecretIndex, form: Form, allowed: Networks = ()
) -> CheckedBackend:
    """Everything that keeps the backend out of the table; `allowed` are addresses that may be."""
    problems: list[Problem] = []
    if form is Form.CLUSTER:
        problems.extend(_cluster_problems(backend, allowed))
    credentials: list[Credential] = []
    for ref, at, holds in _secret_refs(backend):
        found = look_up(secrets, backend.meta.ref.namespace, ref, at, holds)
        if isinstance(found, Credential):
            credentials.append(found)
        else:
            problems.append(_with_hint(found, form))
    return CheckedBackend(backend, tuple(problems), tuple(credentials))


def secret_names(backend: ModelBackend) -> frozenset[str]:
    """The Secrets, in its own namespace, that the backend refers to."""
    return frozenset(ref.name for ref, _, _ in _secret_refs(backend))


def check_policy(
    policy: RoutePolicy,
    backends: Mapping[tuple[str, str], CheckedBackend],
    broken: frozenset[tuple[str, str]],
    routers: frozenset[str] | None,
) -> tuple[Problem, ...]:
    """Everything that keeps the policy out of the table, conflicts aside.

    `broken` are the backends that are there and could not be read.
    """
    return (
        *_router_problems(policy, routers),
        *_rule_problems(policy),
        *_candidate_problems(policy, backends, broken),
        *_judge_problems(policy, backends),
        *_path_problems(policy),
    )


def candidate_key(
    policy: RoutePolicy, candidate: Candidate | Judge | Passthrough
) -> tuple[str, str]:
    """Namespace and name of the backend that a candidate, judge or path means."""
    return candidate.namespace or policy.meta.ref.namespace, candidate.backend


def _cluster_problems(backend: ModelBackend, allowed: Networks) -> Iterator[Problem]:
    for endpoint, at in _endpoints(backend):
        why = forbidden(endpoint, allowed)
        if why:
            yield Problem(Reason.ENDPOINT_NOT_PERMITTED, at, why, "name a Service")
    for endpoint, cloud, at in _called_by_identity(backend):
        why = foreign(endpoint, cloud)
        if why:
            hint = "give the backend an identity of its own, by a Secret"
            yield Problem(Reason.ENDPOINT_NOT_PERMITTED, at, why, hint)
    for auth, at in _auths(backend):
        for field in _of_the_gateways_machine(auth):
            message = (
                "is for files: on a cluster every policy would share the gateway's environment"
            )
            hint = "write secretRef: {name: ..., key: ...}"
            yield Problem(Reason.ENV_NOT_PERMITTED, (*at, *field), message, hint)


def _of_the_gateways_machine(auth: Auth) -> Iterator[Path]:
    """The fields that name variables, or files' entries, of the machine a gateway runs on."""
    if auth.env is not None:
        yield ("env",)
    cloud = auth.cloud
    if isinstance(cloud, AwsIdentity):
        if cloud.profile is not None:
            yield ("aws", "profile")
    elif cloud is not None and cloud.env is not None:
        yield (auth.cloud_name, "env")


def _endpoints(backend: ModelBackend) -> Iterator[tuple[str, Path]]:
    yield backend.spec.endpoint, (*SPEC, "endpoint")
    for index, extra in enumerate(backend.spec.endpoints):
        if extra.endpoint is not None:
            yield extra.endpoint, (*SPEC, "endpoints", index, "endpoint")


def _called_by_identity(backend: ModelBackend) -> Iterator[tuple[str, CloudSpec, Path]]:
    """Each endpoint that is called with an identity of a cloud."""
    spec = backend.spec
    if spec.auth is not None and spec.auth.cloud is not None:
        yield spec.endpoint, spec.auth.cloud, (*SPEC, "endpoint")
    for index, extra in enumerate(spec.endpoints):
        auth = extra.auth or spec.auth
        if auth is not None and auth.cloud is not None:
            field = "endpoint" if extra.endpoint is not None else "auth"
            at = (*SPEC, "endpoints", index, field)
            yield extra.endpoint or spec.endpoint, auth.cloud, at


def _auths(backend: ModelBackend) -> Iterator[tuple[Auth, Path]]:
    if backend.spec.auth is not None:
        yield backend.spec.auth, (*SPEC, "auth")
    for index, extra in enumerate(backend.spec.endpoints):
        if extra.auth is not None:
            yield extra.auth, (*SPEC, "endpoints", index, "auth")


def _secret_refs(backend: ModelBackend) -> Iterator[tuple[SecretKeyRef, Path, Holds]]:
    spec = backend.spec
    for auth, at in _auths(backend):
        if auth.secret_ref is not None:
            yield auth.secret_ref, (*at, "secretRef"), Holds.API_KEY
        if auth.cloud is not None:
            for field, ref in cloud_refs(auth.cloud):
                yield ref, (*at, auth.cloud_name, field), _cloud_secret(auth, field)
    if spec.tls is None:
        return
    if spec.tls.ca_secret_ref is not None:
        yield spec.tls.ca_secret_ref, (*SPEC, "tls", "caSecretRef"), Holds.CERTIFICATES
    if spec.tls.client_secret_ref is not None:
        at = (*SPEC, "tls", "clientSecretRef")
        certificate, key = client_refs(spec.tls.client_secret_ref)
        yield certificate, at, Holds.CERTIFICATES
        yield key, at, Holds.PRIVATE_KEY


def _cloud_secret(auth: Auth, field: str) -> Holds:
    if field == "certificateRef":
        return Holds.KEY_AND_CERTIFICATE
    return Holds.GOOGLE_KEY if auth.google is not None else Holds.API_KEY


def _with_hint(problem: Problem, form: Form) -> Problem:
    if problem.reason is Reason.SECRET_NOT_FOUND and form is Form.FILE:
        hint = "write a Secret document, or auth: {env: VARIABLE}"
        return Problem(problem.reason, problem.path, problem.message, hint)
    return problem


def _router_problems(policy: RoutePolicy, routers: frozenset[str] | None) -> Iterator[Problem]:
    if routers is None:
        return
    router = policy.spec.router
    named: list[tuple[str, Path]] = [(router.name, (*SPEC, "router", "name"))]
    if router.stage is not None:
        named.append((router.stage.text, (*SPEC, "router", "stage", "text")))
    for index, variant in enumerate(policy.spec.variants):
        if variant.router is not None:
            named.append((variant.router.name, (*SPEC, "variants", index, "router", "name")))
    for name, at in named:
        if name not in {"", JUDGE_ROUTER, STAGE_ROUTER, *routers}:
            message = f"the scorer has no router {name}"
            hint = nearest(name, {*routers, "default", JUDGE_ROUTER, STAGE_ROUTER})
            yield Problem(Reason.NOT_SUPPORTED, at, message, hint)


def _rule_problems(policy: RoutePolicy) -> Iterator[Problem]:
    for index, rule in enumerate(policy.spec.rules):
        for fault in faults(rule.when):
            at = (*SPEC, "rules", index, "when")
            message = f"in `{_short(rule.when)}`: {fault}"
            yield Problem(Reason.INVALID_RULE, at, message, fault.hint)


def _backend_refs(policy: RoutePolicy) -> Iterator[tuple[Candidate | Judge | Passthrough, Path]]:
    spec = policy.spec
    for index, candidate in enumerate(spec.candidates):
        yield candidate, (*SPEC, "candidates", index, "backend")
    if spec.cascade is not None and spec.cascade.judge is not None:
        yield spec.cascade.judge, (*SPEC, "cascade", "judge", "backend")
    if spec.router.judge is not None:
        yield spec.router.judge, (*SPEC, "router", "judge", "backend")
    for index, path in enumerate(spec.passthrough):
        yield path, (*SPEC, "passthrough", index, "backend")


def _judge_problems(
    policy: RoutePolicy, backends: Mapping[tuple[str, str], CheckedBackend]
) -> Iterator[Problem]:
    for ref, at in _backend_refs(policy):
        checked = backends.get(candidate_key(policy, ref))
        if checked is None or not isinstance(ref, Judge):
            continue
        spec = checked.backend.spec
        if spec.wires and not JUDGED_ON & set(spec.wires):
            message = f"ModelBackend {checked.backend.meta.ref.id} speaks neither chat nor messages"
            yield Problem(Reason.NOT_SUPPORTED, at, message, "name one that does")


def _path_problems(policy: RoutePolicy) -> Iterator[Problem]:
    for index, path in enumerate(policy.spec.passthrough):
        if path.path in OWN_PATHS:
            at = (*SPEC, "passthrough", index, "path")
            message = f"{path.path} is served by Weir itself: requests to it are decided"
            yield Problem(Reason.NOT_SUPPORTED, at, message, "match its models instead")


def _candidate_problems(
    policy: RoutePolicy,
    backends: Mapping[tuple[str, str], CheckedBackend],
    broken: frozenset[tuple[str, str]],
) -> Iterator[Problem]:
    for ref, at in _backend_refs(policy):
        key = candidate_key(policy, ref)
        checked = backends.get(key)
        if key in broken:
            message = f"ModelBackend {'/'.join(key)} is not usable: {Reason.INVALID_SPEC}"
            yield Problem(Reason.BACKEND_NOT_USABLE, at, message, "see its status conditions")
        elif checked is None:
            known = [name for namespace, name in backends if namespace == key[0]]
            message = f"there is no ModelBackend {key[1]} in namespace {key[0]}"
            yield Problem(Reason.UNKNOWN_BACKEND, at, message, nearest(key[1], known))
        elif not _may_use(policy, checked.backend):
            message = (
                f"ModelBackend {checked.backend.meta.ref.id} does not let this namespace use it"
            )
            hint = f"add {policy.meta.ref.namespace} to its spec.allowedNamespaces"
            yield Problem(Reason.REF_NOT_PERMITTED, at, message, hint)
        elif checked.problems:
            first = checked.problems[0]
            message = f"ModelBackend {checked.backend.meta.ref.id} is not usable: {first.reason}"
            yield Problem(Reason.BACKEND_NOT_USABLE, at, message, "see its status conditions")


def _may_use(policy: RoutePolicy, backend: ModelBackend) -> bool:
    namespace = policy.meta.ref.namespace
    allowed = backend.spec.allowed_namespaces
    return backend.meta.ref.namespace == namespace or namespace in allowed or "*" in allowed


def _short(expression: str) -> str:
    line = " ".join(expression.split())
    return line if len(line) <= 80 else f"{line[:77]}..."  # noqa: PLR2004 - a line's worth
