"""Resources as a user would write them, to be changed one field at a time."""

import copy
from typing import cast

Wire = dict[str, object]
REMOVED = object()


def policy(name: str = "chat", namespace: str = "shop", **spec: object) -> Wire:
    """A good RoutePolicy over `weak` and `strong`."""
    return {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "match": {"models": ["auto"]},
            "candidates": [{"backend": "weak"}, {"backend": "strong"}],
            "objective": {"threshold": "0.5"},
            **spec,
        },
    }


def backend(name: str = "strong", namespace: str = "shop", **spec: object) -> Wire:
    """A good ModelBackend that needs no secret."""
    return {
        "apiVersion": "weir.dev/v1alpha1",
        "kind": "ModelBackend",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "protocol": "openai",
            "endpoint": "https://api.example.com/v1",
            "model": name,
            **spec,
        },
    }


def secret(name: str = "keys", namespace: str = "shop", **values: str) -> Wire:
    """A Secret with `values` in plain text."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": values,
    }


def changed(document: Wire, path: str, value: object) -> Wire:
    """A copy with the value at `spec.a.0.b` replaced, or taken out where it is REMOVED."""
    new = copy.deepcopy(document)
    *steps, last = path.split(".")
    at: object = new
    for step in steps:
        at = _step(at, step)
    if isinstance(at, list):
        cast("list[object]", at)[int(last)] = value
    elif value is REMOVED:
        del cast("Wire", at)[last]
    else:
        cast("Wire", at)[last] = value
    return new


def _step(at: object, step: str) -> object:
    if isinstance(at, list):
        return cast("list[object]", at)[int(step)]
    return cast("Wire", at).setdefault(step, {})
