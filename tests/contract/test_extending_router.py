"""A new router is one file and one line in the scorer, as docs/extending.md says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.bundles import ROOT

FILE = '''\
"""The router `shorter`: the shorter a prompt, the higher its score."""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, Floats, floats


class Shorter:
    """Falls from 1 with the prompt's length; `half` is the length at which it is a half."""

    dim = 1
    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._half = floats(arrays, "half", 1)

    def scores(self, features: Matrix) -> Floats:
        return (self._half / (self._half + features[:, 0])).astype(np.float32)

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
'''
BEFORE_IMPORT = "from weir_scorer.engine.routers.space import Clusters\n"
IMPORT = "from weir_scorer.engine.routers.shorter import Shorter\n"
BEFORE_LINE = '    "linear": Linear,\n'
LINE = '    "shorter": Shorter,\n'
PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from support.bundles import npz, tiny_calibration, tiny_parts
from weir_scorer import Bundle
from weir_scorer.build.assemble import CALIBRATION, write_bundle
from weir_scorer.bundle.calibration import calibration_json
from weir_scorer.bundle.manifest import RouterEntry

parts = tiny_parts()
entry = RouterEntry("shorter", "shorter", ("length",), "heads/shorter.npz")
routers = (*parts.routers, entry)
files = {
    **parts.files,
    "heads/shorter.npz": npz({"half": np.array([4.0], np.float32)}),
    CALIBRATION: calibration_json({router.name: tiny_calibration() for router in routers}),
}
path = Path(sys.argv[1]) / "bundle"
write_bundle(replace(parts, routers=routers, files=files), path)
scores = Bundle.open(path).score(["hi", "hi, what is the sum of two and two?"], router="shorter")
print(*scores.scores)
"""


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the scorer with one more router, made by the recipe."""
    package = tmp_path / "extended" / "weir_scorer"
    shutil.copytree(ROOT / "scorer" / "weir_scorer", package)
    routers = package / "engine" / "routers"
    (routers / "shorter.py").write_text(FILE, encoding="utf-8")
    table = (routers / "__init__.py").read_text(encoding="utf-8")
    for following, line in ((BEFORE_IMPORT, IMPORT), (BEFORE_LINE, LINE)):
        assert following in table
        table = table.replace(following, line + following)
    (routers / "__init__.py").write_text(table, encoding="utf-8")
    return package.parent


def test_a_bundle_with_it_scores(extended: Path, tmp_path: Path) -> None:
    path = os.pathsep.join((str(extended), str(ROOT / "tests")))
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    short, long = (float(score) for score in ran.stdout.split())
    assert 1 > short > long > 0
