"""Write what is made from the resources' declarations: the chart's CRDs and the docs' tables.

The outcome is checked in; a contract test makes it again and fails on a difference.
"""

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from weir_agents.facts import NO_AGENT, meanings, values
from weir_operator.apply.health import HEALTH_MEANINGS
from weir_operator.apply.status import PRICE_MEANINGS, PROGRAM_MEANINGS
from weir_operator.plan.findings import MEANINGS
from weir_operator.plan.promises import PROMISE_MEANINGS
from weir_policy.describe.crds import definitions
from weir_policy.describe.reference import check_table, field_table

ROOT = Path(__file__).resolve().parent.parent
CHART = Path("charts/weir-crds/templates")
DOCS = Path("docs/policies.md")
HEADER = "# Made by operator/generate.py from weir_policy; do not edit.\n"


def reason_table() -> str:
    """Every reason that the planner gives."""
    rows = ["| condition | reason | meaning |", "|---|---|---|"]
    rows += [f"| {m.condition} | `{reason}` | {m.doc} |" for reason, m in MEANINGS.items()]
    return "\n".join(rows) + "\n"


def program_table() -> str:
    """Every reason that the operator gives beyond the planner's."""
    rows = ["| condition | reason | meaning |", "|---|---|---|"]
    rows += [
        f"| {where} | `{reason}` | {doc} |" for reason, (where, doc) in PROGRAM_MEANINGS.items()
    ]
    return "\n".join(rows) + "\n"


def health_table() -> str:
    """Every reason of a backend's health."""
    rows = ["| condition | reason | meaning |", "|---|---|---|"]
    rows += [f"| Healthy | `{reason}` | {doc} |" for reason, doc in HEALTH_MEANINGS.items()]
    return "\n".join(rows) + "\n"


def price_table() -> str:
    """Every reason of a backend's price."""
    rows = ["| condition | reason | meaning |", "|---|---|---|"]
    rows += [f"| Priced | `{reason}` | {doc} |" for reason, doc in PRICE_MEANINGS.items()]
    return "\n".join(rows) + "\n"


def promise_table() -> str:
    """Every reason of a policy's promise."""
    rows = ["| condition | reason | meaning |", "|---|---|---|"]
    rows += [f"| Proven | `{reason}` | {doc} |" for reason, doc in PROMISE_MEANINGS.items()]
    return "\n".join(rows) + "\n"


def agent_table() -> str:
    """Every fact of an agent's conversation."""
    kinds = {bool: "boolean", int: "whole number", float: "decimal", str: "text"}
    rows = ["| name | type | meaning |", "|---|---|---|"]
    defaults = values(NO_AGENT)
    rows += [
        f"| `request.agent.{name}` | {kinds[type(defaults[name])]} | {means} |"
        for name, means in meanings().items()
    ]
    return "\n".join(rows) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "RoutePolicy fields": lambda: field_table("RoutePolicy"),
    "RoutePolicy rules": lambda: check_table("RoutePolicy"),
    "ModelBackend fields": lambda: field_table("ModelBackend"),
    "ModelBackend rules": lambda: check_table("ModelBackend"),
    "agent facts": agent_table,
    "reasons": reason_table,
    "program reasons": program_table,
    "health reasons": health_table,
    "promise reasons": promise_table,
    "price reasons": price_table,
}


def files() -> dict[Path, str]:
    """Every generated file, by its path in the repository."""
    made = {
        CHART / f"{plural}.yaml": HEADER + yaml.safe_dump(definition, sort_keys=False, width=100)
        for plural, definition in definitions().items()
    }
    return {**made, DOCS: with_tables((ROOT / DOCS).read_text(encoding="utf-8"))}


def with_tables(text: str) -> str:
    """The page with the lines between each pair of markers made anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        text, count = between.subn((begin + table() + end).replace("\\", r"\\"), text)
        if count != 1:
            raise SystemExit(f"docs/policies.md: {count} pairs of markers for {name!r}, want 1")
    return text


def main() -> None:
    """Write them all."""
    for path, text in files().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
