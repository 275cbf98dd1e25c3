"""The route table: what the operator publishes and the gateway runs, as JSON.

An entry is a resource's shape with its references resolved to ids. A reader passes over fields that
it doesn't know. An entry that needs a feature says so in `requires`: a reader without it, or one
that can't decode an entry, leaves out that entry alone and says why.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import msgspec

from weir_policy.fields.shapes import Presence, Shape, declared
from weir_policy.ids import BackendId, PolicyId, TableVersion
from weir_policy.model_patterns import WILDCARDS_FEATURE, model_pattern
from weir_policy.reading.resources import ModelBackend, RoutePolicy
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.cascade import Judge
from weir_policy.spec.passthrough import Passthrough
from weir_policy.spec.policy import RoutePolicySpec

# A reader refuses any other form whole. Raise the number only where passing over unknown fields
# and leaving out single entries would not do.
FORMAT = "weir.dev/routetable/2"


E = TypeVar("E")
R = TypeVar("R", Judge, Passthrough)  # names a backend, maybe of another namespace


class TableError(Exception):
    """The bytes are no route table that this version reads; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEntry:
    """One policy. In `spec` every backend is named by its id."""

    id: PolicyId
    uid: str = ""  # of the resource; one that is made anew under the same name has another
    generation: int = 0  # of the resource; 0 from files
    requires: tuple[str, ...] = ()  # features that a gateway must have
    spec: RoutePolicySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendEntry:
    """One backend. Its secrets are of the namespace that its id names."""

    id: BackendId
    uid: str = ""
    generation: int = 0
    requires: tuple[str, ...] = ()
    spec: ModelBackendSpec

    @property
    def namespace(self) -> str:
        """Where the resource is."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.id.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Table:
    """What can be run of a table, and what can't."""

    version: TableVersion
    policies: tuple[PolicyEntry, ...] = ()  # in match order: the first that matches serves
    backends: tuple[BackendEntry, ...] = ()  # by id
    order: tuple[PolicyId, ...] = ()  # of all policies, the refused ones among them
    refused_policies: Mapping[PolicyId, str] = field(default_factory=dict[PolicyId, str])
    refused_backends: Mapping[BackendId, str] = field(default_factory=dict[BackendId, str])


class _Envelope(msgspec.Struct):
    format: str = ""
    version: str = ""
    policies: list[msgspec.Raw] = msgspec.field(default_factory=list[msgspec.Raw])
    backends: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict[str, msgspec.Raw])


class _Head(msgspec.Struct):
    """What every version can read of an entry."""

    id: str
    requires: tuple[str, ...] = ()


def policy_entry(policy: RoutePolicy) -> PolicyEntry:
    """A policy as the table has it: references resolved, what it requires written down."""
    spec, ref = policy.spec, policy.meta.ref
    ids = {c.backend: _id(c.namespace or ref.namespace, c.backend) for c in spec.candidates}
    cascade, judge, gate = spec.cascade, spec.router.judge, spec.finish_gate
    resolved = replace(
        spec,
        candidates=tuple(
            replace(c, backend=ids[c.backend], namespace=None) for c in spec.candidates
        ),
        rules=tuple(replace(rule, use=ids[rule.use]) for rule in spec.rules),
        failure_mode=replace(
            spec.failure_mode, upstream=tuple(ids[name] for name in spec.failure_mode.upstream)
        ),
        probes=tuple(replace(probe, expect=ids[probe.expect]) for probe in spec.probes),
        cascade=cascade
        and replace(cascade, judge=cascade.judge and _resolved(cascade.judge, ref.namespace)),
        finish_gate=gate and replace(gate, to=ids.get(gate.to, gate.to)),
        router=replace(spec.router, judge=judge and _resolved(judge, ref.namespace)),
        passthrough=tuple(_resolved(each, ref.namespace) for each in spec.passthrough),
    )
    return PolicyEntry(
        id=PolicyId(ref.id),
        uid=policy.meta.uid,
        generation=policy.meta.generation,
        requires=tuple(sorted({*features(resolved), *_matching_features(resolved)})),
        spec=resolved,
    )


def backend_entry(backend: ModelBackend) -> BackendEntry:
    """A backend as the table has it."""
    return BackendEntry(
        id=BackendId(backend.meta.ref.id),
        uid=backend.meta.uid,
        generation=backend.meta.generation,
        requires=tuple(sorted(set(features(backend.spec)))),
        spec=_with_a_price(backend.spec),
    )


def build(policies: Iterable[PolicyEntry], backends: Iterable[BackendEntry]) -> tuple[Table, bytes]:
    """The table, and as JSON. Its version is the sha256 of the JSON without a version."""
    entries = tuple(policies)
    order = tuple(entry.id for entry in entries)
    table = Table(TableVersion(""), entries, tuple(backends), order)
    version = TableVersion(hashlib.sha256(encode(table)).hexdigest())
    table = replace(table, version=version)
    return table, encode(table)


def encode(table: Table) -> bytes:
    """The table as JSON."""
    return msgspec.json.encode(
        {
            "format": FORMAT,
            "version": table.version,
            "policies": table.policies,
            "backends": {entry.id: entry for entry in table.backends},
        }
    )


def decode(text: bytes) -> Table:
    """Everything that this version can run. Raises TableError if it isn't a table of FORMAT."""
    try:
        envelope = msgspec.json.decode(text, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TableError(f"it is not a table in JSON: {error}") from error
    if envelope.format != FORMAT:
        raise TableError(
            f"its format is {envelope.format or 'not named'}, and this version reads {FORMAT}: "
            "run the operator and the gateways in one version"
        )
    backends, bad_backends = _entries(envelope.backends.values(), BackendEntry)
    policies, bad_policies = _entries(envelope.policies, PolicyEntry)
    return Table(
        TableVersion(envelope.version),
        policies,
        backends,
        tuple(PolicyId(_head(raw).id) for raw in envelope.policies),
        {PolicyId(id_): reason for id_, reason in bad_policies.items()},
        {BackendId(id_): reason for id_, reason in bad_backends.items()},
    )


def features(value: object) -> Iterator[str]:
    """The features that a shape uses: those of its fields that are not as they are by default."""
    if isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from features(item)
    elif dataclasses.is_dataclass(value):
        fields = {f.name: f for f in dataclasses.fields(value)}
        for attribute, declaration in declared(cast("type[Shape]", type(value))).values():
            inner: object = getattr(value, attribute)
            unset = (
                declaration.presence is not Presence.REQUIRED and inner == fields[attribute].default
            )
            if declaration.feature and not unset:
                yield declaration.feature
            if inner is not None:
                yield from features(inner)


@functools.cache
def supported() -> frozenset[str]:
    """Every feature that this version declares."""
    declarations = (RoutePolicySpec, ModelBackendSpec)
    declared_ = (feature for each in declarations for feature in _declared_features(each))
    return frozenset((WILDCARDS_FEATURE, *declared_))


def _matching_features(policy: RoutePolicySpec) -> Iterator[str]:
    """What `match` needs of a gateway: one that can't match patterns reads them as names."""
    if any(model_pattern(name) is not None for name in policy.match.models):
        yield WILDCARDS_FEATURE


def _declared_features(cls: type[Shape]) -> Iterator[str]:
    for _, declaration in declared(cls).values():
        if declaration.feature:
            yield declaration.feature
        inner = declaration.kind.inner()
        if inner is not None:
            yield from _declared_features(cast("type[Shape]", inner[1]))


def _entries(raws: Iterable[msgspec.Raw], cls: type[E]) -> tuple[tuple[E, ...], dict[str, str]]:
    decoder = msgspec.json.Decoder(cls)
    entries: list[E] = []
    refused: dict[str, str] = {}
    for raw in raws:
        head = _head(raw)
        missing = sorted(set(head.requires) - supported())
        if missing:
            refused[head.id] = f"needs {', '.join(missing)}, which this version lacks"
            continue
        try:
            entries.append(decoder.decode(raw))
        except msgspec.ValidationError as error:
            refused[head.id] = f"can't be read by this version: {error}"
    return tuple(entries), refused


def _head(raw: msgspec.Raw) -> _Head:
    try:
        return msgspec.json.decode(raw, type=_Head)
    except msgspec.ValidationError as error:
        raise TableError(f"an entry without an id: {error}") from error


def _with_a_price(spec: ModelBackendSpec) -> ModelBackendSpec:
    """Where no price is set it is 0; an older gateway reads numbers alone."""
    price = spec.price
    return replace(spec, price=replace(price, input=price.input or 0, output=price.output or 0))


def _id(namespace: str, name: str) -> BackendId:
    return BackendId(f"{namespace}/{name}")


def _resolved(reference: R, namespace: str) -> R:
    backend = _id(reference.namespace or namespace, reference.backend)
    return replace(reference, backend=backend, namespace=None)
