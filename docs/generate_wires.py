"""Write docs/wires.md from what the translators declare; a contract test fails on drift."""

import sys
from collections.abc import Iterator
from pathlib import Path

from weir_wires.registry import WIRES
from weir_wires.translator import Translator
from weir_wires.wire import Wire

TARGET = Path(__file__).with_name("wires.md")

HEAD = """\
# Wires

A wire is one request and answer format of one API. A client speaks one; a backend's endpoint
speaks one or several (`spec.wires` of its ModelBackend). If the endpoint speaks the client's wire,
the body is forwarded byte for byte with `model` replaced, and the answer comes back byte for byte.
Otherwise the request and its answer are translated, streams event by event. A candidate without a
translation is filtered out before scoring.

A translation does one of three things with a field:

- **carried**: the field has an equivalent.
- **dropped**: without it the answer is of the same kind. The header `x-weir-dropped` names it,
  by its path where it is within another: `input[].content[].x`.
- **refused**: without it the answer would be another one. Another candidate that can carry it
  answers, by the policy's `failureMode.upstream`, or the client gets 400 with the code
  `not_carried` and the field's name.

This page is generated from the translators' own declarations (`make docs`).
"""


def render() -> str:
    """The page."""
    tables = (
        _fields(client, wire, translator)
        for client in WIRES
        for wire, translator in _translators(client)
    )
    return "\n".join((HEAD, _wires(), *tables))


def _wires() -> str:
    rows = [
        f"| `{wire.short}` | `{spec.version_path or '/v1'}{spec.path}` | {_reached(wire)} |"
        for wire, spec in WIRES.items()
        if spec.format_of is None
    ]
    head = (
        "## Which backends serve which clients\n",
        "| the client speaks | at | the backend speaks |",
        "|---|---|---|",
    )
    return "\n".join((*head, *rows, ""))


def _reached(wire: Wire) -> str:
    counts = WIRES[wire].counts
    if counts is not None:
        return f"`{counts.of.short}`; of any other the gateway estimates"
    outs = [out.short for out, _ in _translators(wire)]
    return ", ".join(f"`{name}`" for name in (wire.short, *outs))


def _translators(client: Wire) -> Iterator[tuple[Wire, Translator]]:
    for route in WIRES.translated(client):
        # A wire on another platform has the fields of the wire whose format it is.
        if route.translator is not None and WIRES[route.wire].format_of is None:
            yield route.wire, route.translator


def _fields(client: Wire, wire: Wire, translator: Translator) -> str:
    rows = [f"| `{f.name}` | {f.fate} | {f.note} |" for f in translator.fields]
    head = (
        f"## From `{client.short}` to `{wire.short}`\n",
        f"| field of `{client.short}` | fate | how |",
        "|---|---|---|",
    )
    return "\n".join((*head, *rows, ""))


def main() -> int:
    """Write it."""
    TARGET.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
