"""Which bundle a command takes, and the default one, built once."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from support.bundles import tiny_bundle
from weir_cli import bundles
from weir_cli.bundle import show
from weir_cli.bundles import BUNDLE, CHECKOUT_BUNDLE, default_bundle, require_bundle
from weir_cli.failure import Failure
from weir_cli.profile.command import profile
from weir_cli.train.command import train


@click.command()
@BUNDLE
def command(bundle: Path | None) -> None:
    click.echo(require_bundle(bundle))


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(command, arguments, env=env)


def test_the_option_wins_over_the_environment(tmp_path: Path) -> None:
    first, second = tiny_bundle(tmp_path / "a"), tiny_bundle(tmp_path / "b")
    assert run("--bundle", str(first), WEIR_BUNDLE=str(second)).output.strip() == str(first)
    assert run(WEIR_BUNDLE=str(second)).output.strip() == str(second)


def test_a_named_folder_without_a_bundle_is_never_built(tmp_path: Path) -> None:
    done = run(WEIR_BUNDLE=str(tmp_path / "none"))
    assert done.exit_code == 1
    assert f"weir bundle build --out {tmp_path / 'none'}" in done.output
    assert not (tmp_path / "none").exists()


def test_the_checkout_comes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cached = default_bundle({"XDG_CACHE_HOME": str(tmp_path / "cache")})
    tiny_bundle(tmp_path).rename(_parent(cached))
    assert run(XDG_CACHE_HOME=str(tmp_path / "cache")).output.strip() == str(cached)
    tiny_bundle(tmp_path).rename(_parent(tmp_path / CHECKOUT_BUNDLE))
    assert run(XDG_CACHE_HOME=str(tmp_path / "cache")).output.strip() == str(CHECKOUT_BUNDLE)


def test_a_default_bundle_that_cannot_be_built_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    no_index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "XDG_CACHE_HOME": str(tmp_path / "c")}
    done = run(**no_index)
    assert done.exit_code == 1
    assert "building the default one into" in done.output
    assert "pip could not fetch" in done.output
    assert "weir bundle build --wheel FILE" in done.output
    assert not default_bundle({"XDG_CACHE_HOME": str(tmp_path / "c")}).exists()


def test_a_cache_that_cannot_be_written_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    done = run(XDG_CACHE_HOME=str(tmp_path / "file"))
    assert done.exit_code == 1
    assert "set XDG_CACHE_HOME" in done.output


def test_every_version_of_weir_has_a_default_bundle_of_its_own() -> None:
    folder = default_bundle({"HOME": "/somewhere"})
    assert folder.parent == Path("/somewhere/.cache/weir")
    assert folder.name.startswith("bundle-")


def test_bundle_show_reads_the_environment(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    assert "tiny@" in CliRunner().invoke(show, [], env={"WEIR_BUNDLE": str(path)}).output


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (train, ["--from", "--data", "d", "--out", "o"]),
        (train, ["--data", "d", "--out", "o"]),
        (profile, ["--data", "d", "--out", "o", "--model", "m"]),
    ],
)
def test_the_labs_commands_read_the_environment(
    program: click.Command, arguments: list[str], tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    done = CliRunner().invoke(program, arguments, env={"WEIR_BUNDLE": str(nowhere)})
    assert done.exit_code == 1
    assert f"There is no bundle in {nowhere}" in done.output


def test_require_bundle_raises_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").mkdir()
    with pytest.raises(Failure):
        bundles.require_bundle(tmp_path)


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
