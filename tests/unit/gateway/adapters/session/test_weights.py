"""Weights are read by name, again when they change, and stay as they were where a file is bad."""

import asyncio
from dataclasses import replace
from pathlib import Path

from weir_agents.scores import PRIOR, dump_weights
from weir_gateway.adapters.session.weights import WeightsFolder


async def write(path: Path, text: str) -> None:
    await asyncio.to_thread(path.write_text, text)


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    folder = WeightsFolder(tmp_path)
    await folder.refresh()
    assert folder.get("mine") is None
    first = replace(PRIOR, harness="codex")
    await write(tmp_path / "mine.json", dump_weights(first))
    await folder.refresh()
    read = folder.get("mine")
    assert read is not None
    assert read.harness == "codex"
    await folder.refresh()
    assert folder.get("mine") is read  # nothing has changed
    await write(tmp_path / "new", dump_weights(replace(PRIOR, harness="claude-code")))
    (tmp_path / "new").replace(tmp_path / "mine.json")  # as a ConfigMap is swapped
    await folder.refresh()
    changed = folder.get("mine")
    assert changed is not None
    assert changed.harness == "claude-code"


async def test_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    folder = WeightsFolder(tmp_path)
    await write(tmp_path / "mine.json", dump_weights(PRIOR))
    await folder.refresh()
    for bad in ("", "{}", "\x00", '{"format": "weir.dev/agentweights/9"}', "x" * 1_100_000):
        await write(tmp_path / "mine.json", bad)
        await folder.refresh()
        assert folder.get("mine") is not None
    await asyncio.to_thread((tmp_path / "odd.json").write_bytes, b"\xff\xfe")
    await folder.refresh()
    assert folder.get("odd") is None
