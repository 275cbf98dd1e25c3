"""docs/extending.md, "A limit's dimension": one row is parsed, carried, documented and enforced.

The shapes are made from the rows when they are imported: a copy of the package gets the row, and
`support.extended_limit` runs against the copy in a process of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import weir_policy

PACKAGE = Path(weir_policy.__file__).parent
TESTS = Path(__file__).parents[1]
ROW = """    Dimension(
        "tokensPerDay",
        Measure.TOKENS,
        Window.DAY,
        "Prompt and answer tokens per calendar day (UTC).",
        "Prompt and answer tokens per calendar day (UTC), over all gateways.",
    ),
"""


def test_a_limits_dimension_is_one_row(tmp_path: Path) -> None:
    copied = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    table = copied / "spec" / "limits.py"
    text = table.read_text()
    assert text.count("\nDIMENSIONS = (\n") == 1
    table.write_text(text.replace("\nDIMENSIONS = (\n", f"\nDIMENSIONS = (\n{ROW}"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(TESTS)])}
    command = [sys.executable, "-m", "support.extended_limit", str(tmp_path / "keys.json")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
