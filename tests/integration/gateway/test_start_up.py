"""What the programs carry when they run: nothing of a library's own command line."""

import subprocess
import sys

import pytest

UNUSED = ("prompt_toolkit", "typer", "rich")
PROGRAM = """
import sys
from {package} import __main__
sys.argv = ["{package}"]
assert __main__.main() == 2
print(",".join(name for name in {unused!r} if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("package", "setting"),
    [("weir_gateway", "WEIR_LISTEN"), ("weir_operator", "WEIR_OPERATOR_LISTEN")],
)
def test_a_rules_librarys_command_line_is_left_out(package: str, setting: str) -> None:
    code = PROGRAM.format(package=package, unused=UNUSED)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={setting: "nowhere"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, ""), ran.stderr
    assert f"{setting}='nowhere'" in ran.stderr
