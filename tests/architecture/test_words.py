"""The code uses none of the words that docs/glossary.toml bans."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = tomllib.loads((ROOT / "docs" / "glossary.toml").read_text(encoding="utf-8"))
BANNED = frozenset(TABLE["banned"])
ALLOWED: dict[str, str] = TABLE["allowed"]  # a name, or path:name; the value is the reason
PACKAGES = (
    "runtime",
    "agents",
    "wires",
    "policy",
    "gateway",
    "scorer",
    "operator",
    "library",
    "cli",
    "lab",
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, in lower case."""
    return {word.lower() for word in WORD.findall(name)}


def defined(tree: ast.Module) -> Iterator[str]:
    """Everything that a module names: definitions, arguments, assignments, aliases."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                yield from (alias.asname for alias in names if alias.asname)
            case _:
                pass


@cache
def names() -> frozenset[tuple[str, str]]:
    """Path and name of every file, folder and definition of the product."""
    found: set[tuple[str, str]] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            where = path.relative_to(ROOT)
            here = {*where.with_suffix("").parts[1:], *defined(ast.parse(path.read_bytes()))}
            found.update((str(where), name) for name in here)
    return frozenset(found)


def test_no_banned_word_is_an_identifier_or_a_file_name() -> None:
    offenders = {(path, name) for path, name in names() if words(name) & BANNED}
    assert (
        sorted(
            f"{path} {name}"
            for path, name in offenders
            if name not in ALLOWED and f"{path}:{name}" not in ALLOWED
        )
        == []
    )


def test_every_allowed_name_is_in_use_and_has_a_reason() -> None:
    used = {name for _, name in names()} | {f"{path}:{name}" for path, name in names()}
    assert set(ALLOWED) <= used
    assert all(ALLOWED.values())


def test_a_name_is_split_into_its_words() -> None:
    assert words("_KeptBatches") == {"kept", "batches"}
    assert words("HTTPDoor2_key") == {"http", "door", "key"}
