"""From a document, as YAML or the API server gives it, to a resource; every mistake is collected.

Never raises, whatever the document holds.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from weir_policy.fields.composite import Object
from weir_policy.fields.formats import LABEL, NAME, SECRET_KEY
from weir_policy.fields.kinds import BAD, Bad
from weir_policy.fields.mistakes import Mistake, Path, nearest, what
from weir_policy.fields.shapes import Shape
from weir_policy.reading.checks import broken_checks
from weir_policy.reading.partial import read_partly
from weir_policy.reading.resources import (
    API_VERSION,
    DEFAULT_NAMESPACE,
    Meta,
    ModelBackend,
    Resource,
    ResourceKind,
    ResourceRef,
    RoutePolicy,
    Secret,
)
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.policy import RoutePolicySpec

S = TypeVar("S", bound=Shape)
SPEC: Path = ("spec",)
_TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_SECRET_TOP = frozenset(
    {"apiVersion", "kind", "metadata", "data", "stringData", "type", "immutable"}
)
_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_API_VERSIONS = {
    ResourceKind.POLICY: API_VERSION,
    ResourceKind.BACKEND: API_VERSION,
    ResourceKind.SECRET: "v1",
}
_POLICY_SPEC = Object(RoutePolicySpec)
_BACKEND_SPEC = Object(ModelBackendSpec)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a document held. No resource where there are mistakes; its meta where it is readable."""

    meta: Meta | None
    resource: Resource | None
    mistakes: tuple[Mistake, ...]
    partial: Resource | None = None  # what can be read in spite of the mistakes


def parse(document: object) -> Parsed:
    """Read one document. `metadata.namespace` is "default" where none is written."""
    mistakes: list[Mistake] = []
    if not isinstance(document, dict):
        return Parsed(None, None, (Mistake((), f"must be a resource, not {what(document)}"),))
    wire = cast("dict[object, object]", document)
    kind = _read_kind(wire, mistakes)
    if kind is None:
        return Parsed(None, None, tuple(mistakes))
    meta = _read_meta(kind, wire.get("metadata"), mistakes)
    known = _SECRET_TOP if kind is ResourceKind.SECRET else _TOP
    mistakes.extend(_unknown(wire, known))
    resource, partial = _read_body(kind, meta, wire, mistakes)
    return Parsed(meta, None if mistakes else resource, tuple(mistakes), partial)


def _read_kind(wire: dict[object, object], mistakes: list[Mistake]) -> ResourceKind | None:
    written = wire.get("kind")
    if not isinstance(written, str) or written not in set(ResourceKind):
        message = "is required" if written is None else "is not a kind that Weir reads"
        hint = nearest(written if isinstance(written, str) else "", ResourceKind)
        mistakes.append(Mistake(("kind",), message, hint))
        return None
    kind = ResourceKind(written)
    if wire.get("apiVersion") != _API_VERSIONS[kind]:
        message = f"must be {_API_VERSIONS[kind]} for a {kind}"
        mistakes.append(Mistake(("apiVersion",), message))
    return kind


def _read_meta(kind: ResourceKind, written: object, mistakes: list[Mistake]) -> Meta | None:
    if not isinstance(written, dict):
        mistakes.append(Mistake(("metadata",), "is required", "write metadata: {name: ...}"))
        return None
    wire = cast("dict[object, object]", written)
    if wire.get("name") is None:
        mistakes.append(Mistake(("metadata", "name"), "is required", "write a name"))
        return None
    name = NAME.read(wire["name"], ("metadata", "name"), mistakes)
    namespace = LABEL.read(
        wire.get("namespace") or DEFAULT_NAMESPACE, ("metadata", "namespace"), mistakes
    )
    if isinstance(name, Bad) or isinstance(namespace, Bad):
        return None
    generation, created, uid = (wire.get(k) for k in ("generation", "creationTimestamp", "uid"))
    return Meta(
        ref=ResourceRef(kind, namespace, name),
        generation=generation if isinstance(generation, int) else 0,
        created=created if isinstance(created, str) and _CREATED.fullmatch(created) else "",
        uid=uid if isinstance(uid, str) else "",
    )


def _unknown(wire: Mapping[object, object], known: frozenset[str]) -> list[Mistake]:
    names = [key if isinstance(key, str) else repr(key) for key in wire if key not in known]
    return [Mistake((name,), "unknown field", nearest(name, known)) for name in names]


def _read_body(
    kind: ResourceKind, meta: Meta | None, wire: dict[object, object], mistakes: list[Mistake]
) -> tuple[Resource | None, Resource | None]:
    """The resource as it is written, and as far as it can be read."""
    if kind is ResourceKind.SECRET:
        secret = Secret(meta, _read_values(wire, mistakes)) if meta else None
        return secret, secret
    if wire.get("spec") is None:
        mistakes.append(Mistake(("spec",), "is required", "write a spec"))
        return None, None
    if kind is ResourceKind.POLICY:
        specs = _read_spec(_POLICY_SPEC, wire["spec"], mistakes)
        policies = [RoutePolicy(meta, spec) if meta and spec else None for spec in specs]
        return policies[0], policies[1]
    backend_specs = _read_spec(_BACKEND_SPEC, wire["spec"], mistakes)
    backends = [ModelBackend(meta, spec) if meta and spec else None for spec in backend_specs]
    return backends[0], backends[1]


def _read_spec(
    kind: Object[S], written: object, mistakes: list[Mistake]
) -> tuple[S | None, S | None]:
    found: list[Mistake] = []
    spec = kind.read(written, SPEC, found)
    broken = list(broken_checks(kind, written, SPEC, found))
    mistakes.extend((*found, *broken))
    if isinstance(spec, Bad):
        return None, read_partly(kind, written)
    return None if broken else spec, spec


def _read_values(wire: dict[object, object], mistakes: list[Mistake]) -> dict[str, bytes]:
    """`data` in base64, then `stringData` as it stands, which wins as it does on a cluster."""
    values: dict[str, bytes] = {}
    for field, decode in (("data", _from_base64), ("stringData", _from_text)):
        written = wire.get(field)
        if written is None:
            continue
        if not isinstance(written, dict):
            mistakes.append(Mistake((field,), f"must be a mapping, not {what(written)}"))
            continue
        for key, value in cast("dict[object, object]", written).items():
            at = (field, key if isinstance(key, str) else repr(key))
            if SECRET_KEY.read(key, at, mistakes) is BAD:
                continue
            decoded = decode(value)
            if isinstance(decoded, bytes):
                values[cast("str", key)] = decoded
            else:
                mistakes.append(Mistake(at, decoded))
    return values


def _from_base64(value: object) -> bytes | str:
    if not isinstance(value, str):
        return f"must be text, not {what(value)}"
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return "must be base64; plain text goes under stringData"


def _from_text(value: object) -> bytes | str:
    if not isinstance(value, str):
        return f"must be text, not {what(value)}; write it in quotes"
    try:
        return value.encode()
    except UnicodeEncodeError:
        return "must be Unicode text"
