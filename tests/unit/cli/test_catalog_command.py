"""`weir catalog`: what is listed and shown, and what `update` takes over."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weir_cli.catalog.command import catalog as command
from weir_cli.catalogs import user_catalog_path

Json = dict[str, Any]
OWN: Json = {
    "name": "acme/large",
    "model": "large-v2",
    "price": {"input": "2", "output": "8", "tiers": [{"above": 100_000, "input": "4"}]},
    "checked": "2020-01-01",
    "source": "https://acme.example/pricing",
}


def run(home: Path, *arguments: str) -> Result:
    environment = {"XDG_DATA_HOME": str(home)}
    return CliRunner().invoke(command, arguments, env=environment)


def file(folder: Path, *models: Json) -> str:
    path = folder / "new.json"
    path.write_text(json.dumps({"format": "weir.dev/catalog/1", "models": models}))
    return str(path)


def test_a_list_has_the_models_whose_names_have_every_word(tmp_path: Path) -> None:
    text = run(tmp_path, "list", "claude", "haiku").stdout
    assert "anthropic/claude-haiku-4-5" in text
    assert "sonnet" not in text
    models = json.loads(run(tmp_path, "list", "--json").stdout)
    assert len(models) > 50
    assert {"name", "model", "price", "checked", "source"} <= set(models[0])


def test_one_model_is_shown_with_every_price_and_its_source(tmp_path: Path) -> None:
    text = run(tmp_path, "show", "anthropic/claude-haiku-4-5").stdout
    assert "price.cacheWrite1h" in text
    assert "https://platform.claude.com" in text
    shown = json.loads(run(tmp_path, "show", "openai/gpt-4o-mini", "--json").stdout)
    assert shown["price"]["input"] == "0.15"


def test_an_unknown_model_is_a_failure_with_the_nearest_name(tmp_path: Path) -> None:
    failed = run(tmp_path, "show", "openai/gpt-4o-minj")
    assert failed.exit_code == 1
    assert "did you mean openai/gpt-4o-mini?" in failed.stderr


def test_update_adds_and_replaces_models(tmp_path: Path) -> None:
    mini = {**OWN, "name": "openai/gpt-4o-mini"}
    done = run(tmp_path, "update", "--from", file(tmp_path, OWN, mini), "--json")
    changed = json.loads(done.stdout)["changed"]
    assert changed == ["acme/large", "openai/gpt-4o-mini"]
    shown = json.loads(run(tmp_path, "show", "openai/gpt-4o-mini", "--json").stdout)
    assert shown == mini
    again = run(tmp_path, "update", "--from", file(tmp_path, {**OWN, "model": "v3"}))
    assert "1 models read, 1 new or changed" in again.stdout
    kept = json.loads(user_catalog_path({"XDG_DATA_HOME": str(tmp_path)}).read_text())
    assert [model["name"] for model in kept["models"]] == ["acme/large", "openai/gpt-4o-mini"]
    assert "2020-01-01 (old)" in run(tmp_path, "list", "acme").stdout


@pytest.mark.parametrize("models", [[{**OWN, "price": {"input": 3}}], [{**OWN, "name": "large"}]])
def test_a_file_with_a_mistake_changes_nothing(tmp_path: Path, models: list[Json]) -> None:
    failed = run(tmp_path, "update", "--from", file(tmp_path, *models))
    assert failed.exit_code == 1
    assert "new.json is no catalog: models[0]." in failed.stderr
    assert not user_catalog_path({"XDG_DATA_HOME": str(tmp_path)}).exists()


def test_a_broken_catalog_of_the_users_own_is_named(tmp_path: Path) -> None:
    path = user_catalog_path({"XDG_DATA_HOME": str(tmp_path)})
    path.parent.mkdir(parents=True)
    path.write_text("{")
    failed = run(tmp_path, "list")
    assert failed.exit_code == 1
    assert str(path) in failed.stderr
