"""Noticing that another bundle lies at the path."""

import os
from pathlib import Path

from weir_scorer.server.watch import look


def test_each_way_of_replacing_a_bundle_shows(tmp_path: Path) -> None:
    first, second, link = tmp_path / "first", tmp_path / "second", tmp_path / "link"
    for folder in (first, second):
        (folder / "heads").mkdir(parents=True)
        (folder / "heads" / "a.npz").write_bytes(b"weights")
    link.symlink_to(first)
    seen = [look(link)]
    assert look(link) == seen[0] != frozenset()

    link.unlink()
    link.symlink_to(second)  # a link moved
    seen.append(look(link))
    (second / "heads" / "a.npz").write_bytes(b"other weights")  # a file rewritten
    seen.append(look(link))
    (second / "heads" / "b.npz").write_bytes(b"")  # a file added
    seen.append(look(link))
    first.rename(tmp_path / "old")  # a folder replaced
    second.rename(first)
    seen.append(look(first))
    os.utime(first / "heads" / "b.npz", ns=(1, 1))  # only its time, backwards
    seen.append(look(first))
    assert len(set(seen)) == len(seen)


def test_nothing_there_is_nothing_to_see(tmp_path: Path) -> None:
    assert look(tmp_path / "none") == frozenset()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    assert look(tmp_path / "dangling") == frozenset()
