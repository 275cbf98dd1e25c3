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

A wire is one request-and-answer format of one API. A client speaks one, a backend's endpoint one
or several (`spec.wires` of its ModelBackend). Where the endpoint speaks the client's wire, the
body goes on byte for byte with `model` replaced, and the answer comes back byte for byte. Where
it does not, the request is translated, and the answer back, streams event by event; where there
is no translation the candidate is filtered out before scoring.

What a translation does with a field is one of three things. It is **carried**. Or it is
**dropped**, which does no harm to the answer, and named in the header `x-weir-dropped`. Or it is
**refused**: leaving it out would change the answer. Then another candidate that can carry it
answers, by the policy's `failureMode.upstream`, or the client gets 400 with the code
`not_carried` and the field's name.

This page is generated from the translations' own declarations (`make docs`).
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
        f"| `{wire.short}` | `/v1{spec.path}` | {_reached(wire)} |" for wire, spec in WIRES.items()
    ]
    head = (
        "## Who can be asked on what\n",
        "| the client speaks | at | the backend speaks |",
        "|---|---|---|",
    )
    return "\n".join((*head, *rows, ""))


def _reached(wire: Wire) -> str:
    if wire is Wire.ANTHROPIC_COUNT_TOKENS:
        return "`messages`; of any other the gateway estimates"
    outs = [out.short for out, _ in _translators(wire)]
    return ", ".join(f"`{name}`" for name in (wire.short, *outs))


def _translators(client: Wire) -> Iterator[tuple[Wire, Translator]]:
    for wire, spec in WIRES.items():
        if client in spec.translators:
            yield wire, spec.translators[client]


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
