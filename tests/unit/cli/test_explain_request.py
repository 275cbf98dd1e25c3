"""The request that `weir explain` explains: what the options make of it."""

import json
from pathlib import Path

import click
import pytest

from weir_cli.explain.request import RequestOptions, read_request
from weir_cli.failure import Failure
from weir_gateway.domain.errors import BadRequest
from weir_gateway.domain.request import Capability


def options(
    prompt: str | None = "Hi",
    *,
    file: Path | None = None,
    api: str = "chat",
    images: int = 0,
    tools: int = 0,
    turns: int = 1,
    headers: tuple[str, ...] = (),
) -> RequestOptions:
    return RequestOptions(
        prompt=prompt,
        file=file,
        api=api,
        images=images,
        tools=tools,
        turns=turns,
        temperature=None,
        headers=headers,
    )


def test_a_prompt_is_one_turn_of_the_default_model() -> None:
    request = read_request(options(), None, "auto")
    assert (request.model, request.scored_text) == ("auto", "Hi")
    assert (request.facts.turns, request.facts.tools, request.facts.images) == (1, 0, 0)


def test_images_tools_turns_and_headers_are_what_rules_see() -> None:
    wanted = options(images=2, tools=3, turns=4, headers=("X-Team=a=b", "x-empty="))
    request = read_request(wanted, "small", "auto")
    facts = request.facts
    assert (request.model, facts.images, facts.tools, facts.turns) == ("small", 2, 3, 4)
    assert request.headers["x-team"] == "a=b"
    assert {Capability.VISION, Capability.TOOLS} <= request.needs


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": "Why?"}]}),
        ("messages", {"max_tokens": 5, "messages": [{"role": "user", "content": "Why?"}]}),
        ("responses", {"input": "Why?"}),
    ],
)
def test_a_whole_request_is_read_as_its_api_says(
    tmp_path: Path, api: str, body: dict[str, object]
) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"model": "auto", **body}))
    request = read_request(options(None, file=file, api=api), None, "unused")
    assert (request.model, request.scored_text) == ("auto", "Why?")
    assert read_request(options(None, file=file, api=api), "other", "unused").model == "other"


def test_contradictions_are_bad_usage(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text("{}")
    for wrong in (options(None), options("Hi", file=file), options(None, file=file, tools=1)):
        with pytest.raises(click.UsageError):
            read_request(wrong, None, "auto")
    with pytest.raises(click.BadParameter, match="NAME=VALUE"):
        read_request(options(headers=("x-team",)), None, "auto")


def test_a_file_that_is_no_request_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="No such file"):
        read_request(options(None, file=tmp_path / "none"), None, "auto")
    file = tmp_path / "request.json"
    file.write_text("[1]")
    with pytest.raises(Failure, match="not a JSON object"):
        read_request(options(None, file=file), "small", "auto")
    with pytest.raises(BadRequest):
        read_request(options(None, file=file), None, "auto")
