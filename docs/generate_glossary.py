"""Write docs/glossary.md from docs/glossary.toml; a contract test fails on drift."""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE / "glossary.toml"
TARGET = HERE / "glossary.md"

HEAD = """\
# Glossary

One word, one meaning: these are the words that code, messages and documentation use. This page is
generated from [glossary.toml](glossary.toml) (`make docs`).

| term | what it means | what it isn't | more |
|---|---|---|---|
"""

BANNED = """
## Words not to use

These words are not identifiers or file names anywhere in the product; a test checks that. Write
the standard word instead.

| not | but |
|---|---|
"""


def render(source: Path = SOURCE) -> str:
    """The page, terms and banned words in alphabetical order."""
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    terms = sorted(table["terms"], key=lambda entry: str(entry["term"]))
    rows = (
        f"| **{e['term']}** | {e['means']} | {e['not']} | [{_label(e['see'])}]({e['see']}) |\n"
        for e in terms
    )
    banned = (f"| {word} | {instead} |\n" for word, instead in sorted(table["banned"].items()))
    return HEAD + "".join(rows) + BANNED + "".join(banned)


def _label(link: str) -> str:
    return link.partition("#")[0].removesuffix(".md")


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    sys.exit(0)
