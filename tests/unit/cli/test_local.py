"""Ports, private files, changes of files, and programs kept alive: with real ones of each."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from weir_cli.addresses import listen
from weir_cli.failure import Failure
from weir_cli.local.ports import reserve
from weir_cli.local.programs import Program, StateFolder
from weir_cli.local.supervisor import Child, EndedBeforeReady
from weir_cli.local.watch_files import changes, fingerprint
from weir_runtime.quantities import Address

ANY = Address(host="127.0.0.1", port=0)
PATIENCE = 30.0


def test_ports_are_all_different_and_the_served_one_is_kept() -> None:
    ports = reserve(ANY, ANY, workers=3)
    try:
        numbers = [ports.serve.port, *(a.port for a in ports.gateways), ports.scorer.port]
        assert len(set(numbers)) == 5
        with listen(ports.serve, shared=True) as worker:
            worker.listen()
            with pytest.raises(Failure, match="Cannot listen"):
                reserve(ports.serve, ANY, workers=1)
    finally:
        ports.close()


def test_taken_admin_port_names_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        admin = Address(host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(Failure) as refused:
            reserve(ANY, admin, workers=1)
    assert "--admin" in refused.value.hint


def test_state_is_for_its_owner_alone(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.write(b"{}", b"[]")
    state.write(b'{"a":1}', b"[]")
    assert state.table.read_bytes() == b'{"a":1}'
    assert stat.S_IMODE(state.credentials.stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {"routetable.json", "credentials.json"}


def test_fingerprint_sees_yaml_and_nothing_else(tmp_path: Path) -> None:
    before = fingerprint([tmp_path])
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    assert fingerprint([tmp_path]) == before
    (tmp_path / "policy.yaml").write_text("x", encoding="utf-8")
    assert fingerprint([tmp_path]) != before


async def test_a_replaced_file_is_a_change(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("a: 1", encoding="utf-8")
    stop = asyncio.Event()
    following = changes([file], stop)
    first = asyncio.ensure_future(anext(following))
    async with asyncio.timeout(PATIENCE):
        number = 0
        while not first.done():  # the watch may begin after the first replacement
            number += 1
            fresh = tmp_path / "fresh"
            fresh.write_text(f"a: {'2' * number}", encoding="utf-8")
            fresh.replace(file)
            await asyncio.wait([first], timeout=0.5)
    assert first.result() is None
    stop.set()
    await following.aclose()  # type: ignore[attr-defined] # an async generator by its nature


async def test_what_dies_before_it_was_proven_is_not_started_again() -> None:
    child = Child(Program("thing", "weir_cli.no_such_module"), lambda _: None)
    with pytest.raises(EndedBeforeReady, match="thing"):
        await child.supervise()
    assert child.restarts == 0


async def test_what_dies_later_is_started_again_until_it_is_stopped() -> None:
    said: list[str] = []
    child = Child(Program("thing", "weir_cli.no_such_module"), said.append)
    child.mark_ready()
    keeping = asyncio.create_task(child.supervise(), name="keep the thing")
    async with asyncio.timeout(PATIENCE):
        while child.restarts < 2:  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.01)
        await child.stop(PATIENCE)
        await keeping
    assert said[0].startswith("the thing ended with status 1; starting it again in 0.1 s")
    assert "0.2 s" in said[1]
