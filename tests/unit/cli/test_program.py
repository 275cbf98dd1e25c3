"""The command line's rim: lazy commands, exit codes, plain errors."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

from weir_cli.commands import COMMANDS, CommandEntry, load
from weir_cli.failure import Failure


def weir(*arguments: str, python: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, "-m", "weir_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command_and_imports_none() -> None:
    done = weir("--help", python=["-X", "importtime"])
    assert done.returncode == 0
    assert all(entry.name in done.stdout for entry in COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "weir_cli.program" in imported
    assert not imported & {entry.module for entry in COMMANDS}
    assert not imported & {"aiohttp", "grpc", "numpy", "onnxruntime", "weir_gateway"}


def test_unknown_command_is_bad_usage() -> None:
    done = weir("rout")
    assert done.returncode == 2
    assert "No such command 'rout'" in done.stderr


def test_bad_value_is_bad_usage_and_says_what_to_write() -> None:
    done = weir("stand-in", "--listen", "nowhere")
    assert done.returncode == 2
    assert "127.0.0.1:8080" in done.stderr


def test_missing_library_names_the_extra() -> None:
    entry = CommandEntry("x", "no_such_library_for_weir", "", "operator")
    with pytest.raises(Failure) as told:
        load(entry)
    assert "weir-gateway[operator]" in told.value.hint


def test_module_of_ours_that_is_missing_is_a_bug_and_not_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError):
        load(CommandEntry("x", "weir_cli.no_such_module", "", "cli"))


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_loads_and_has_help(entry: CommandEntry) -> None:
    assert load(entry).help
