"""Every path that the pages for contributors name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
PAGES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/extending.md", "docs/providers.md")
QUESTIONS = 5


def paths(page: str) -> set[str]:
    """What stands in backticks and begins with one of the repository's folders."""
    quoted = re.findall(r"`([\w.-]+/[\w./-]*)`", (ROOT / page).read_text(encoding="utf-8"))
    return {path for path in quoted if path.partition("/")[0] in TOP}


@pytest.mark.parametrize("page", PAGES)
def test_the_paths_exist(page: str) -> None:
    assert [path for path in sorted(paths(page)) if not (ROOT / path).exists()] == []
    assert paths(page)


def test_each_question_is_answered_with_a_path() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.split("\n## Find your way\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|") and "?" in line]
    assert len(rows) == QUESTIONS
    assert all(re.search(r"`[\w.-]+/[\w./-]*`", row) for row in rows)
