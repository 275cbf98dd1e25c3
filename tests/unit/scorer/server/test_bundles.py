"""Noticing that another bundle lies at the path."""

import os
from pathlib import Path

from weir_scorer.server.bundles import folder_state


def test_each_way_of_replacing_a_bundle_shows(tmp_path: Path) -> None:
    first, second, link = tmp_path / "first", tmp_path / "second", tmp_path / "link"
    for folder in (first, second):
        (folder / "heads").mkdir(parents=True)
        (folder / "heads" / "a.npz").write_bytes(b"weights")
    link.symlink_to(first)
    seen = [folder_state(link)]
    assert folder_state(link) == seen[0] != frozenset()

    link.unlink()
    link.symlink_to(second)  # a link moved
    seen.append(folder_state(link))
    (second / "heads" / "a.npz").write_bytes(b"other weights")  # a file rewritten
    seen.append(folder_state(link))
    (second / "heads" / "b.npz").write_bytes(b"")  # a file added
    seen.append(folder_state(link))
    first.rename(tmp_path / "old")  # a folder replaced
    second.rename(first)
    seen.append(folder_state(first))
    os.utime(first / "heads" / "b.npz", ns=(1, 1))  # only its time, backwards
    seen.append(folder_state(first))
    assert len(set(seen)) == len(seen)


def test_nothing_there_is_nothing_to_see(tmp_path: Path) -> None:
    assert folder_state(tmp_path / "none") == frozenset()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    assert folder_state(tmp_path / "dangling") == frozenset()
