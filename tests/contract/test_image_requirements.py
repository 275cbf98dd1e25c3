"""Each image's lock file holds every package that the program in the image imports, and no more
than it was cut down to."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==", re.MULTILINE)
MOST_PACKAGES = {"gateway": 31, "operator": 32, "scorer": 46}
NEVER_IN_AN_IMAGE = {"pydantic", "requests", "rich", "typer", "watchfiles"}
# Imports every module of a package where only the locked packages can be found.
PROGRAM = """
import importlib, pkgutil, re, sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions

package, skipped, locked = sys.argv[1], sys.argv[2], set(sys.argv[3].split(","))
owners = {
    module: {re.sub(r"[-_.]+", "-", name).lower() for name in names}
    for module, names in packages_distributions().items()
}

class OnlyLocked(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        owner = owners.get(name.partition(".")[0], set()) - {"weir-gateway"}
        if owner and not owner & locked:
            return None
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = OnlyLocked
importlib.import_module(f"{package}.__main__")
root = importlib.import_module(package)
for found in pkgutil.walk_packages(root.__path__, f"{package}."):
    if not (skipped and found.name.startswith(skipped)):
        importlib.import_module(found.name)
"""


def locked(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return {re.sub(r"[-_.]+", "-", match).lower() for match in LOCKED.findall(text)}


@pytest.mark.parametrize(
    ("program", "skipped"),
    [("gateway", ""), ("operator", ""), ("scorer", "weir_scorer.build")],
)
def test_a_program_imports_nothing_that_its_image_lacks(program: str, skipped: str) -> None:
    names = ",".join(sorted(locked(program)))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"weir_{program}", skipped, names],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_a_gateway_with_clouds_has_what_their_identities_import() -> None:
    names = ",".join(sorted(locked("clouds")))
    imports = "import azure.identity, botocore.auth, google.auth.transport.requests"
    found = PROGRAM.partition("importlib.import_module")[0] + imports
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", found, "weir_gateway", "", names],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    # pip installs both files at once: what both have must be one version.
    assert locked("gateway") <= locked("clouds")


@pytest.mark.parametrize("program", MOST_PACKAGES)
def test_images_stay_small(program: str) -> None:
    packages = locked(program)
    assert len(packages) <= MOST_PACKAGES[program]
    assert not packages & NEVER_IN_AN_IMAGE
