"""The resources as JSON Schema, for editors that complete and check YAML as it is written."""

from typing import cast

from weir_policy.fields.composite import Object
from weir_policy.fields.kinds import Schema
from weir_policy.reading.resources import API_VERSION, ResourceKind
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.policy import RoutePolicySpec

DIALECT = "http://json-schema.org/draft-07/schema#"  # what editors' YAML servers know best


def json_schema() -> Schema:
    """One schema for both kinds; an unknown field is a mistake, as it is to the parser."""
    return {
        "$schema": DIALECT,
        "title": "Weir",
        "oneOf": [
            _resource(ResourceKind.POLICY, Object(RoutePolicySpec).schema()),
            _resource(ResourceKind.BACKEND, Object(ModelBackendSpec).schema()),
        ],
    }


def _resource(kind: ResourceKind, spec: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": str(kind)},
            "metadata": {"type": "object", "required": ["name"]},
            "spec": _plain(spec),
        },
    }


def _plain(value: object) -> object:
    """Without what only Kubernetes knows; patterns in JSON Schema's own word; no other fields."""
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    schema = cast("Schema", value)
    plain = {
        key: {name: _plain(of) for name, of in cast("Schema", item).items()}
        if key == "properties"
        else _plain(item)
        for key, item in schema.items()
        if not key.startswith("x-kubernetes-") and key not in {"format", "default"}
    }
    if "default" in schema:
        plain["default"] = schema["default"]
    if "properties" in plain and "x-kubernetes-preserve-unknown-fields" not in schema:
        plain["additionalProperties"] = False
    if schema.get("x-kubernetes-list-type") == "set":
        plain["uniqueItems"] = True
    return plain
