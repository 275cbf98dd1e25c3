"""docs/configuration.md is what the programs' settings say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "configuration.md"


def test_the_page_is_generated_from_the_settings(tmp_path: Path) -> None:
    script = tmp_path / "generate_configuration.py"
    script.write_bytes((ROOT / "docs" / "generate_configuration.py").read_bytes())
    subprocess.run([sys.executable, str(script)], check=True)
    fresh = (tmp_path / "configuration.md").read_text(encoding="utf-8")
    assert fresh == PAGE.read_text(encoding="utf-8"), "run `make docs` and commit"
