"""docs/glossary.md is generated from its table."""

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def generator() -> ModuleType:
    """docs/generate_glossary.py, which lies in no package."""
    path = ROOT / "docs" / "generate_glossary.py"
    spec = importlib.util.spec_from_file_location("generate_glossary", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_generated_from_the_table() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert page == generator().render(), "run `make docs` and commit"
