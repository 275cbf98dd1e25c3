"""docs/wires.md is what the pairs of wires declare."""

import subprocess
import sys
from pathlib import Path

from weir_operator.files.load import load
from weir_operator.plan.check import Form
from weir_operator.plan.compile import compile_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "wires.md"


def test_the_page_is_generated_from_the_pairs(tmp_path: Path) -> None:
    script = tmp_path / "generate_wires.py"
    script.write_bytes((ROOT / "docs" / "generate_wires.py").read_bytes())
    subprocess.run([sys.executable, str(script)], check=True)
    fresh = (tmp_path / "wires.md").read_text(encoding="utf-8")
    assert fresh == PAGE.read_text(encoding="utf-8"), "run `make docs` and commit"


def test_the_examples_of_providers_are_good() -> None:
    loaded = load([ROOT / "examples" / "providers"])
    assert not loaded.mistakes
    plan = compile_table(loaded.resources, Form.FILE)
    assert not plan.problems
    assert {policy.id for policy in plan.table.policies} == {
        "default/bedrock",
        "default/chat",
        "default/direct",
        "default/vectors",
    }
