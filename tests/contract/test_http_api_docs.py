"""docs/http-api.md lists the very codes and reasons that the gateway can answer with."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from weir_gateway.domain.decision import Reason

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
NOT_SENT = {  # reported to the operator or as a reason, never as an error of a client
    "bad_table",
    "warming_up",
}
NAMED = re.compile(r"OVERLOADED|NO_TABLE")


def _codes() -> Iterator[str]:
    """Every constant given to `code`: class attributes, keyword arguments, named constants."""
    for path in (ROOT / "gateway" / "weir_gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                    yield code
                case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                    yield code
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(code))):
                    if NAMED.fullmatch(name):
                        yield code
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(code))):
                    if NAMED.fullmatch(name):
                        yield code
                case ast.Assign(
                    targets=[ast.Tuple()], value=ast.Tuple(elts=[_, ast.Constant(value=str(code))])
                ):
                    yield code
                case _:
                    pass


def test_every_code_is_documented_and_none_is_made_up() -> None:
    documented = set(re.findall(r"^\| `([a-z_]+)` \| [1-5]\d\d", PAGE, re.MULTILINE))
    assert documented == set(_codes()) - NOT_SENT - {""}  # the last is "no error" in accounts


def test_the_reasons_are_documented() -> None:
    (row,) = re.findall(r"^\| `x-weir-reason` .*$", PAGE, re.MULTILINE)
    named = {reason.split(":")[0] for reason in re.findall(r"`([a-z_]+(?::<[^`]*>)?)`", row)}
    assert named == {reason.value for reason in Reason}
