"""Bundles are written whole, the same each time, and never over something else."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.bundles import tiny_bundle, tiny_parts
from weir_scorer import Bundle
from weir_scorer.build.assemble import write_bundle
from weir_scorer.bundle.errors import BuildError


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_same_parts_give_the_same_bytes_and_version(tmp_path: Path) -> None:
    versions = [write_bundle(tiny_parts(), tmp_path / name) for name in ("one", "two")]
    assert versions[0] == versions[1]
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_other_weights_give_another_version(tmp_path: Path) -> None:
    first = write_bundle(tiny_parts(seed=1), tmp_path / "one")
    assert first != write_bundle(tiny_parts(seed=2), tmp_path / "two")
    assert first.startswith("tiny@")
    assert len(first) == len("tiny@") + 12


def test_an_older_bundle_is_replaced_whole(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path, seed=1)
    (path / "leftover").write_text("from an older format")
    version = write_bundle(tiny_parts(seed=2), path)
    with Bundle.open(path, devices=["cpu"]) as bundle:
        assert bundle.version == version
    assert [entry.name for entry in tmp_path.iterdir()] == ["tiny"]


def test_a_folder_that_is_no_bundle_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BuildError, match="not a bundle"):
        write_bundle(tiny_parts(), tmp_path)
    assert files_of(tmp_path) == {"thesis.txt": b"years of work"}


def test_parts_that_lack_a_file_leave_nothing_behind(tmp_path: Path) -> None:
    parts = tiny_parts()
    files = {path: content for path, content in parts.files.items() if path != "card.md"}
    with pytest.raises(Exception, match=r"card\.md is used but not listed"):
        write_bundle(replace(parts, files=files), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
