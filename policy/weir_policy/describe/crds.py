"""The CustomResourceDefinitions, made from the declarations; charts/weir-crds has them as YAML."""

from weir_policy.fields.composite import Object
from weir_policy.fields.kinds import Kind, Schema
from weir_policy.reading.resources import GROUP, VERSION, ResourceKind
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.policy import RoutePolicySpec

_EPOCH = "1970-01-01T00:00:00Z"
_AGE: Schema = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def definitions() -> dict[str, Schema]:
    """Every definition, by its plural."""
    return {
        "modelbackends": _definition(
            ResourceKind.BACKEND,
            "modelbackends",
            "mb",
            _root(
                "A ModelBackend is one model behind one provider endpoint: where it is, what it "
                "costs.",
                Object(ModelBackendSpec),
                _status("Accepted", "ResolvedRefs", "Healthy", "Priced"),
            ),
            [
                _condition_column("Accepted"),
                _condition_column("Resolved", "ResolvedRefs"),
                _condition_column("Healthy"),
                _condition_column("Priced"),
                {"name": "Protocol", "type": "string", "jsonPath": ".spec.protocol"},
                {"name": "Model", "type": "string", "jsonPath": ".spec.model"},
                {"name": "Endpoint", "type": "string", "jsonPath": ".spec.endpoint", "priority": 1},
                _AGE,
            ],
        ),
        "routepolicies": _definition(
            ResourceKind.POLICY,
            "routepolicies",
            "rp",
            _root(
                "A RoutePolicy says which requests it serves, which models compete for them, and "
                "how one is chosen.",
                Object(RoutePolicySpec),
                _status("Accepted", "ResolvedRefs", "Programmed", "Ready", **_USAGE),
            ),
            [
                _condition_column("Ready"),
                {"name": "Programmed", "type": "string", "jsonPath": ".status.programmed"},
                {
                    "name": "Asked",
                    "type": "string",
                    "jsonPath": ".spec.objective.strongShare",
                },
                {"name": "Strong", "type": "string", "jsonPath": ".status.strongShare"},
                {
                    "name": "Unknown",
                    "type": "string",
                    "jsonPath": ".status.unknownShare",
                    "priority": 1,
                },
                {"name": "Saved", "type": "string", "jsonPath": ".status.saved"},
                {"name": "Requests", "type": "integer", "jsonPath": ".status.requests"},
                _AGE,
            ],
        ),
    }


def _whole(meaning: str) -> Schema:
    return {"type": "integer", "format": "int64", "description": meaning}


_SUMS: dict[str, Schema] = {
    "requests": _whole("Requests answered."),
    "strong": _whole("Of those, by the last candidate."),
    "paidMicroUsd": _whole("What was paid, in millionths of a USD."),
    "savedMicroUsd": _whole("What was saved, in millionths of a USD."),
    "judged": _whole("Requests whose prompt was told to be known or unknown."),
    "unknown": _whole("Of those, the ones of a kind that the bundle doesn't know."),
}
_USAGE: dict[str, Schema] = {
    "programmed": {
        "type": "string",
        "description": "How many of the connected gateways run this generation, as n/n.",
    },
    "strongShare": {
        "type": "string",
        "description": "The share of requests that the last candidate answered.",
    },
    "unknownShare": {
        "type": "string",
        "description": "The share of prompts of a kind that the bundle doesn't know, of those of "
        "which a scorer told it.",
    },
    "saved": {
        "type": "string",
        "description": "What the same tokens would have cost on the last candidate, less what was "
        "paid, in USD. An estimate.",
    },
    "requests": {
        "type": "integer",
        "format": "int64",
        "description": "Requests answered.",
    },
    "totals": {
        "type": "object",
        "description": "The sums behind strongShare, saved and requests; the operator goes on from "
        "them when it is restarted.",
        "properties": _SUMS,
    },
    "counted": {
        "type": "array",
        "description": "How much of totals came from each gateway since it started, so that what "
        "is reported twice, or to another replica of the operator, is counted once.",
        "items": {
            "type": "object",
            "description": "One gateway.",
            "properties": {
                "gateway": {"type": "string", "description": "Its name: the pod's."},
                "started": _whole("When it started, in milliseconds since 1970."),
                **_SUMS,
            },
        },
    },
}


def _definition(
    kind: ResourceKind,
    plural: str,
    short: str,
    schema: Schema,
    columns: list[Schema],
) -> Schema:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "weir"},
            # Uninstalling the chart must not delete every policy there is.
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": str(kind),
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": str(kind).lower(),
                "shortNames": [short],
                "categories": ["weir"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _root(description: str, spec: Kind[object], status: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec.schema(),
            "status": status,
        },
    }


def _condition_column(name: str, condition: str = "") -> Schema:
    path = f'.status.conditions[?(@.type=="{condition or name}")].status'
    return {"name": name, "type": "string", "jsonPath": path}


def _status(*conditions: str, **fields: Schema) -> Schema:
    pending = [
        {
            "type": condition,
            "status": "Unknown",
            "reason": "Pending",
            "message": "Waiting for the operator",
            "lastTransitionTime": _EPOCH,
        }
        for condition in conditions
    ]
    return {
        "type": "object",
        "description": "What the operator found. Written by the operator only.",
        "default": {"conditions": pending},
        "properties": {
            "conditions": {
                "type": "array",
                "description": "The conditions; docs/policies.md lists every reason.",
                "maxItems": 8,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": _CONDITION,
            },
            **fields,
        },
    }


_CONDITION: Schema = {
    "type": "object",
    "description": "One condition, as in the Kubernetes API conventions.",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": {"type": "string", "maxLength": 316, "description": "Which condition."},
        "status": {
            "type": "string",
            "enum": ["True", "False", "Unknown"],
            "description": "Whether it holds.",
        },
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "description": "The generation of the resource that this was found of.",
        },
        "lastTransitionTime": {
            "type": "string",
            "format": "date-time",
            "description": "When the status last changed.",
        },
        "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1024,
            "description": "Why, in one word.",
        },
        "message": {
            "type": "string",
            "maxLength": 32768,
            "description": "Why, for people.",
        },
    },
}
