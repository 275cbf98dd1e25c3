"""`weir policy`: exit statuses, what is printed, and no secret's value ever."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from support.bundles import tiny_bundle
from support.resources import backend, policy, secret
from weir_cli.policy import policy as command
from weir_policy.table import decode

GOOD = [
    policy(),
    backend("weak"),
    backend(auth={"secretRef": {"name": "keys", "key": "k"}}),
    secret(k="sk-very-secret"),
]


def run(tmp_path: Path, documents: list[dict[str, object]], *arguments: str) -> Result:
    """The command on a file with `documents`."""
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return CliRunner().invoke(command, [*arguments, "-f", str(file)])


def test_good_files_check_out(tmp_path: Path) -> None:
    done = run(tmp_path, GOOD, "check")
    assert (done.exit_code, done.stdout) == (0, "OK: 1 policy, 2 backends\n")


def test_a_price_of_zero_is_a_price(tmp_path: Path) -> None:
    free = backend("weak", price={"input": "0", "output": "0"})
    done = run(tmp_path, [policy(), free, backend()], "check")
    assert (done.exit_code, done.stderr.count("no price")) == (0, 1)


def test_a_catalog_model_is_filled_in_and_an_unknown_one_is_a_mistake(tmp_path: Path) -> None:
    named = backend("weak", catalog="openai/gpt-4o-mini")
    compiled = run(tmp_path, [policy(), named, backend()], "compile")
    table = decode(compiled.stdout.encode())
    weak = next(entry.spec for entry in table.backends if entry.name == "weak")
    assert (weak.price.input, weak.price.cached_input) == (150_000, 75_000)
    assert weak.context_window == 128_000
    named = backend("weak", catalog="openai/gpt-4o-minj")
    done = run(tmp_path, [policy(), named, backend()], "check")
    assert "NotInCatalog: the price catalog has no openai/gpt-4o-minj" in done.stdout
    assert "did you mean openai/gpt-4o-mini?" in done.stdout


def test_mistakes_are_listed_and_the_status_is_one(tmp_path: Path) -> None:
    done = run(tmp_path, [policy(objective={}), backend("weak"), backend()], "check")
    assert done.exit_code == 1
    assert "spec.objective: write exactly one of" in done.stdout
    assert done.stdout.endswith("1 mistake\n")


def test_json_has_every_mistake_with_file_and_line(tmp_path: Path) -> None:
    done = run(tmp_path, [policy(mode="shadow"), backend("weak"), backend()], "check", "--json")
    report = json.loads(done.stdout)
    (mistake,) = report["mistakes"]
    assert (report["ok"], mistake["path"], mistake["hint"]) == (
        *(False, "spec.mode", "did you mean Shadow?"),
    )
    assert mistake["line"] > 1
    assert mistake["file"].endswith("all.yaml")


def test_compile_prints_the_table_and_no_secret(tmp_path: Path) -> None:
    done = run(tmp_path, GOOD, "compile")
    table = decode(done.stdout.encode())
    assert [p.id for p in table.policies] == ["shop/chat"]
    assert "sk-very-secret" not in done.output


def test_compile_prints_nothing_where_there_is_a_mistake(tmp_path: Path) -> None:
    done = run(tmp_path, [policy()], "compile")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "UnknownBackend" in done.stderr


def test_files_without_a_policy_are_a_mistake(tmp_path: Path) -> None:
    done = run(tmp_path, [backend()], "check")
    assert done.exit_code == 1
    assert "there is no RoutePolicy" in done.stdout


@pytest.mark.parametrize("arguments", [["check"], ["check", "-f", "/nowhere/at/all"]])
def test_bad_usage_is_two(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


def test_router_names_are_those_of_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = str(tiny_bundle(tmp_path))
    named = [policy(router={"name": "leangth"}), backend("weak"), backend()]
    done = run(tmp_path, named, "check", "--bundle", bundle)
    assert done.exit_code == 1
    assert "the scorer has no router leangth" in done.stdout
    assert "did you mean length?" in done.stdout
    missing = run(tmp_path, named, "check", "--bundle", str(tmp_path / "none"))
    assert "There is no bundle in" in missing.output
    monkeypatch.chdir(tmp_path)  # no bundle in the folder, none in the cache: any name passes
    for name, value in {"XDG_CACHE_HOME": str(tmp_path), "WEIR_BUNDLE": ""}.items():
        monkeypatch.setenv(name, value)
    assert run(tmp_path, named, "check").exit_code == 0


def test_warnings_are_printed_and_fail_only_when_strict(tmp_path: Path) -> None:
    bundle = str(tiny_bundle(tmp_path))
    promised = [policy(objective={"quality": {"retention": "99.9%"}}), backend("weak"), backend()]
    done = run(tmp_path, promised, "check", "--bundle", bundle)
    assert (done.exit_code, done.stdout) == (0, "OK: 1 policy, 2 backends\n")
    assert "warning: " in done.stderr
    assert "every request goes to the strong model" in done.stderr
    assert done.stderr.count("no price") == 2
    assert run(tmp_path, promised, "check", "--bundle", bundle, "--strict").exit_code == 1
    report = json.loads(run(tmp_path, promised, "check", "--bundle", bundle, "--json").stdout)
    assert report["ok"]
    assert [one["path"] for one in report["warnings"]].count("spec.price") == 2
