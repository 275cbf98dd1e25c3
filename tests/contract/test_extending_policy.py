"""docs/extending.md, "A policy field" and "A limit's dimension": the declaration alone is enough.

The shapes are made when they are imported: a copy of the package gets the declaration, and a
program in `support/` runs against the copy in a process of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import weir_policy

PACKAGE = Path(weir_policy.__file__).parent
TESTS = Path(__file__).parents[1]
ROW = """
DIMENSIONS = (
    Dimension(
        "tokensPerDay",
        Measure.TOKENS,
        Window.DAY,
        "Prompt and answer tokens per calendar day (UTC).",
        "Prompt and answer tokens per calendar day (UTC), over all gateways.",
    ),
"""
FIELD = """
    from weir_policy.fields.formats import DURATION  # the names that a declaration needs
    quiet_for: float | None = optional(DURATION, "A field of the test's.", feature="quiet")
    failure_mode: FailureMode = defaulted(
"""


def run_with(tmp_path: Path, file: str, old: str, new: str, program: str) -> None:
    """Run `program` beside a copy of the package in whose `file` `new` stands for `old`."""
    copied = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copied / file).read_text()
    assert text.count(old) == 1
    (copied / file).write_text(text.replace(old, new))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(TESTS)])}
    command = [sys.executable, "-m", program, str(tmp_path / "keys.json")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_limits_dimension_is_one_row(tmp_path: Path) -> None:
    old = "\nDIMENSIONS = (\n"
    run_with(tmp_path, "spec/limits.py", old, ROW, "support.extended_limit")


def test_a_policy_field_is_its_declaration(tmp_path: Path) -> None:
    old = "\n    failure_mode: FailureMode = defaulted(\n"
    run_with(tmp_path, "spec/policy.py", old, FIELD, "support.extended_field")
