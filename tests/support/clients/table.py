"""The compatibility table: what tests found, as rows of Markdown in docs/clients.md."""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.clients.routes import ROUTES

ROOT: Final = Path(__file__).resolve().parents[3]
DOCUMENT: Final = ROOT / "docs" / "clients.md"
TESTS: Final = ROOT / "tests" / "e2e" / "clients"
MARK: Final = "compatibility"
BEGIN: Final = "<!-- made by `pytest tests/e2e/clients --write-compatibility`: begin -->\n"
END: Final = "<!-- end -->\n"
YES: Final = "yes"
NO: Final = "**no**"


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """A client, the API it calls, and what it does there."""

    client: str
    api: str
    what: str


Found = Mapping[tuple[Row, str], str]  # by row and route; the cell's text


def table(found: Found) -> str:
    """The rows that were tried, with what became of them on each route."""
    head = ["client", "API", "what", *(str(route) for route in ROUTES)]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in sorted({row for row, _ in found}):
        cells = [found.get((row, str(route)), "") for route in ROUTES]
        lines.append(_line([row.client, row.api, row.what, *cells]))
    return "\n".join(lines) + "\n"


def write(found: Found) -> None:
    """Put the table into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{after}", encoding="utf-8")


def documented() -> dict[Row, list[str]]:
    """The rows of the document, and their cells."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not re.match(r"\|\s*(client|---)", line)
    ]
    return {Row(*cells[:3]): cells[3:] for cells in rows}


def declared() -> set[Row]:
    """The rows that tests are marked with, read from their source."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.glob("test_*.py"))
    return {row for tree in trees for row in _rows(tree)}


def _rows(tree: ast.AST) -> Iterable[Row]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith(f".{MARK}"):
                    yield Row(*(ast.literal_eval(argument) for argument in mark.args))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
