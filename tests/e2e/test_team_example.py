"""examples/team, used as its comments say: checked, explained, served with keys."""

import json
import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from support.bundles import ROOT, default_bundle
from support.programs import Program, up

TEAM = ROOT / "examples" / "team"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "weir_cli", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={
            **os.environ,
            "OPENAI_API_KEY": "sk-unused",
            "WEIR_BUNDLE": str(default_bundle()),
            **env,
        },
    )


def test_the_example_has_no_mistake() -> None:
    done = run("policy", "check", "-f", str(TEAM))
    assert (done.returncode, done.stdout) == (0, "OK: 1 policy, 2 backends\n")


def test_its_rule_is_tried_without_sending_anything() -> None:
    done = run("explain", "-f", str(TEAM), "--json", "--image", "What does this picture show?")
    explained = json.loads(done.stdout)
    assert (explained["choice"], explained["reason"]) == ("large", "rule:pictures")
    plain = json.loads(run("explain", "-f", str(TEAM), "--json", "Hi!").stdout)
    assert (plain["choice"], plain["reason"]) == ("small", "scored")


def test_it_serves_the_key_of_its_comment_and_no_other(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    created = run(
        "key", "create", "--file", str(keys), "--name", "team-a", "--policy", "default/team"
    )
    other = run("key", "create", "--file", str(keys), "--name", "b", "--policy", "shop/*")
    environment = {"WEIR_KEYS": str(keys), "OPENAI_API_KEY": "sk-unused"}
    with (
        up([TEAM], "--stand-in", log=tmp_path / "log", environment=environment) as weir,
        of(weir, created.stdout) as client,
        of(weir, other.stdout) as stranger,
    ):
        answer = client.chat.completions.create(model="auto", messages=HELLO)
        assert "a stand-in" in (answer.choices[0].message.content or "")
        assert [model.id for model in client.models.list()] == ["auto"]
        assert not list(stranger.models.list())
        with pytest.raises(openai.PermissionDeniedError, match="may not use policy default/team"):
            stranger.chat.completions.create(model="auto", messages=HELLO)


def of(weir: Program, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{weir.url}/v1", api_key=key.split(maxsplit=1)[0], max_retries=0)


def test_a_backend_on_this_machine_that_nobody_serves_is_named(tmp_path: Path) -> None:
    for file in (ROOT / "examples" / "quickstart").glob("*.yaml"):
        text = file.read_text(encoding="utf-8").replace("127.0.0.1:8090", "127.0.0.1:9")
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    with up([tmp_path], log=tmp_path / "log") as weir:
        assert "nothing listens on 127.0.0.1:9, where" in weir.said
        assert "weir stand-in --listen 127.0.0.1:9" in weir.said
