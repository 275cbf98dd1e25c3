"""The tables of docs/policies.md, made from the declarations."""

import json
from collections.abc import Iterator
from typing import cast

from weir_policy.fields.shapes import Field, Presence, Shape, checks, declared
from weir_policy.spec.backend import ModelBackendSpec
from weir_policy.spec.policy import RoutePolicySpec

SPECS: dict[str, type[Shape]] = {"RoutePolicy": RoutePolicySpec, "ModelBackend": ModelBackendSpec}


def field_table(kind: str) -> str:
    """Every field of a kind: path, what to write, default, meaning."""
    rows = [
        "| field | write | default | meaning |",
        "|---|---|---|---|",
        *_rows(SPECS[kind], "spec"),
    ]
    return "\n".join(rows) + "\n"


def check_table(kind: str) -> str:
    """Every rule between fields of a kind: where, and the message where it is broken."""
    rows = ["| at | message |", "|---|---|"]
    for path, cls in _shapes(SPECS[kind], "spec"):
        rows += [f"| `{path}` | {check.message} |" for check in checks(cls)]
    return "\n".join(rows) + "\n"


def _rows(cls: type[Shape], at: str) -> Iterator[str]:
    for name, (_, field) in declared(cls).items():
        path = f"{at}.{name}"
        word = field.kind.word.replace("|", "\\|")
        yield f"| `{path}` | {word} | {_default(field)} | {field.doc} |"
        inner = _inner(field)
        if inner:
            yield from _rows(inner[1], path + inner[0])


def _shapes(cls: type[Shape], at: str) -> Iterator[tuple[str, type[Shape]]]:
    yield at, cls
    for name, (_, field) in declared(cls).items():
        inner = _inner(field)
        if inner:
            yield from _shapes(inner[1], f"{at}.{name}{inner[0]}")


def _inner(field: Field) -> tuple[str, type[Shape]] | None:
    return cast("tuple[str, type[Shape]] | None", field.kind.inner())


def _default(field: Field) -> str:
    if field.presence is Presence.REQUIRED:
        return "**required**"
    return f"`{json.dumps(field.default)}`" if field.presence is Presence.DEFAULTED else ""
