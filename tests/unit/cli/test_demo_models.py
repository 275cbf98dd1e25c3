"""Which models the demo takes, by the environment alone."""

from pathlib import Path

import pytest
import yaml

from support.programs import QUICKSTART
from weir_cli.demo.models import BadModels, Models, mock_models, prepare, real_models

KEY = "OPENAI_API_KEY"
URL = "OPENAI_BASE_URL"
NAMES = "WEIR_DEMO_MODELS"


def test_nothing_set_means_the_stand_in() -> None:
    assert real_models({}) is None
    assert mock_models("http://127.0.0.1:1").endpoint == "http://127.0.0.1:1/v1"


def test_a_key_means_openai() -> None:
    models = real_models({KEY: "k"})
    assert models is not None
    assert models.names == ("gpt-4o-mini", "gpt-4o")
    assert models.key_variable == KEY


def test_another_server_is_named_with_its_models_and_needs_no_key() -> None:
    models = real_models({URL: "http://host/v1/", NAMES: "a, b"})
    assert models == Models("http://host/v1", ("a", "b"), "", real=True)


@pytest.mark.parametrize("names", ["", "one", "a,b,c", "a,"])
def test_another_server_without_two_models_is_refused(names: str) -> None:
    with pytest.raises(BadModels, match=NAMES):
        real_models({URL: "http://host/v1", NAMES: names})


def test_files_name_the_key_and_never_hold_it(tmp_path: Path) -> None:
    models = Models("http://host/v1", ("a", "b"), KEY, real=True)
    written, policy = prepare(QUICKSTART, models, tmp_path)
    backends = list(yaml.safe_load_all(written.read_text(encoding="utf-8")))
    assert [each["spec"]["model"] for each in backends] == ["a", "b"]
    assert {each["spec"]["endpoint"] for each in backends} == {"http://host/v1"}
    assert backends[0]["spec"]["auth"] == {"env": KEY}
    assert policy == QUICKSTART / "policy.yaml"
