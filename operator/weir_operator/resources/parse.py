"""From a document, as YAML or the API server gives it, to a resource; every mistake is collected.

Never raises, whatever the document holds. Must not know files or lines.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from weir_operator.resources.backend import ModelBackendSpec
from weir_operator.resources.formats import LABEL, NAME, SECRET_KEY
from weir_operator.resources.kinds import BAD, Bad
from weir_operator.resources.mistakes import Mistake, nearest, what
from weir_operator.resources.objects import (
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
from weir_operator.resources.policy import RoutePolicySpec
from weir_operator.resources.shapes import Object

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
    """What a document held. No resource where there are mistakes; its meta where it can be told."""

    meta: Meta | None
    resource: Resource | None
    mistakes: tuple[Mistake, ...]


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
    resource = _read_body(kind, meta, wire, mistakes)
    return Parsed(meta, None if mistakes else resource, tuple(mistakes))


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
) -> Resource | None:
    if kind is ResourceKind.SECRET:
        values = _read_values(wire, mistakes)
        return Secret(meta, values) if meta else None
    if wire.get("spec") is None:
        mistakes.append(Mistake(("spec",), "is required", "write a spec"))
        return None
    if kind is ResourceKind.POLICY:
        policy = _POLICY_SPEC.read(wire["spec"], ("spec",), mistakes)
        return RoutePolicy(meta, policy) if meta and isinstance(policy, RoutePolicySpec) else None
    backend = _BACKEND_SPEC.read(wire["spec"], ("spec",), mistakes)
    return ModelBackend(meta, backend) if meta and isinstance(backend, ModelBackendSpec) else None


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
