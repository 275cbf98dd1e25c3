"""Whole programs as subprocesses: one quickstart for tests that only ask, and helpers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Program, quickstart, stand_in, up


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """`weir stand-in` for the whole session."""
    with stand_in(log=tmp_path_factory.mktemp("stand-in") / "log") as running:
        yield running


@pytest.fixture(scope="session")
def weir_up(upstream: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """`weir up` on the quickstart, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("quickstart")
    with up([quickstart(upstream.url, folder / "policies")], log=folder / "log") as running:
        yield running


@pytest.fixture
def policies(upstream: Program, tmp_path: Path) -> Path:
    """A quickstart of the test's own, to change."""
    return quickstart(upstream.url, tmp_path / "policies")
