"""The recorded routing data: read where it lies, never copied. Tests that need it are skipped."""

import os
from pathlib import Path

import pytest

from support.bundles import ROOT


def data_file(name: str) -> Path:
    """A file of the recorded data, or a skip that says how to get it."""
    folder = Path(os.environ.get("WEIR_DATA_DIR", ROOT.parent / "shared" / "data"))
    if not (folder / name).is_file():
        pytest.skip(f"{name} is not in {folder}: set WEIR_DATA_DIR to the recorded routing data")
    return folder / name
