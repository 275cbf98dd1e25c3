"""The chart's definitions and the documentation's tables are what the declarations say."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from weir_agents.harness import HARNESSES
from weir_operator.plan.rules import FUNCTIONS, fact_names

ROOT = Path(__file__).resolve().parents[2]


def load_generator() -> ModuleType:
    """operator/generate.py, which lies in no package."""
    spec = importlib.util.spec_from_file_location(
        "operator_generate", ROOT / "operator/generate.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED: dict[Path, str] = load_generator().files()


@pytest.mark.parametrize("path", GENERATED, ids=str)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == GENERATED[path], (
        "run .venv/bin/python operator/generate.py"
    )


@pytest.mark.parametrize("path", [p for p in GENERATED if p.suffix == ".yaml"], ids=str)
def test_definitions_hold_nothing_that_helm_would_read_as_a_template(path: Path) -> None:
    assert "{{" not in GENERATED[path]


def test_the_page_lists_every_fact_a_rule_may_ask() -> None:

    page = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
    assert [n for n in fact_names() if f"`request.{n}`" not in page] == []
    assert [name for name in HARNESSES if f"`{name}`" not in page] == []
    named = {"getDate", "getHours"}  # "timestamp and its parts"
    parts = {name for name in FUNCTIONS if name.startswith("get")}
    assert named <= parts
    assert [n for n in FUNCTIONS - parts if f"`{n}`" not in page] == []
