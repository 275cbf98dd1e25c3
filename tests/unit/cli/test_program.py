"""The command line's rim: lazy commands, exit codes, plain errors."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from support.bundles import tiny_bundle
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


def test_a_misspelt_command_gets_a_suggestion() -> None:
    done = weir("polcy", "check")
    assert done.returncode == 2
    assert "did you mean policy?" in done.stderr


_WITHOUT_LAB = """
import sys
for name in ("pyarrow", "scipy", "jinja2", "onnx"):
    sys.modules[name] = None
from weir_cli import program
sys.exit(program.run(sys.argv[1:], debug=False))
"""


@pytest.mark.parametrize("command", ["train", "eval", "calibrate", "profile", "replay"])
def test_help_works_without_the_labs_libraries_and_running_says_what_to_install(
    command: str, tmp_path: Path
) -> None:
    bundle = str(tiny_bundle(tmp_path))
    arguments = {
        "train": ["--data", "d", "--out", "o", "--encoder", bundle],
        "eval": ["--data", "d", "--bundle", bundle],
        "calibrate": ["--data", "d", "--share", "20%", "--bundle", bundle],
        "profile": ["--data", "d", "--out", "o", "--model", "m", "--from", bundle],
        "replay": ["--data", "d", "--gateway", "http://127.0.0.1:9"],
    }[command]
    python = [sys.executable, "-c", _WITHOUT_LAB, command]
    shown = subprocess.run([*python, "--help"], capture_output=True, text=True, check=True)
    assert "Usage: weir" in shown.stdout
    done = subprocess.run([*python, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "which is not installed" in done.stderr
    assert "-m pip install 'weir-gateway[all]'" in done.stderr


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_option_has_a_sentence(entry: CommandEntry) -> None:
    command = load(entry)
    every = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    for each in every:
        silent = [p.name for p in each.params if isinstance(p, click.Option) and not p.help]
        assert not silent, f"{each.name}: {silent}"


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
