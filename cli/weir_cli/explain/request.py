"""The request to explain: built from a prompt and what else it brings, or read from a file."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import click

from weir.read_request import api_of
from weir_cli.failure import Failure
from weir_gateway.domain.request import Request
from weir_gateway.http.parse import anthropic_messages, openai_chat, openai_responses

_IMAGE = "data:image/png;base64,iVBORw0KGgo="
_STDIN = "-"
_PARSERS: Mapping[str, Callable[[bytes, Mapping[str, str]], Request]] = {
    "chat": openai_chat.parse,
    "messages": anthropic_messages.parse,
    "responses": openai_responses.parse,
}
APIS: Sequence[str] = tuple(_PARSERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """What the command line says of the request."""

    prompt: str | None  # "-": standard input
    file: Path | None  # a whole request body instead; "-": standard input
    api: str | None  # of `file`, one of APIS; None: found by its fields
    images: int
    tools: int
    turns: int  # of the user, the prompt's among them
    temperature: float | None
    headers: tuple[str, ...]  # NAME=VALUE


def read_request(options: RequestOptions, model: str | None, default_model: str) -> Request:
    """The request, read as the gateway reads a client's. `model` replaces the body's.

    Raises UsageError for options that contradict one another, Failure for an unreadable file, and
    BadRequest for a body that the gateway would refuse.
    """
    headers = _headers(options.headers)
    if options.file is None:
        if options.prompt is None:
            raise click.UsageError("give a PROMPT, or a whole request with --request")
        return openai_chat.parse(_body(options, model or default_model), headers)
    if options.prompt is not None or _describes_prompt(options):
        raise click.UsageError(
            "--request brings the whole request: leave out PROMPT, --image, --tools, --turns and "
            "--temperature"
        )
    body = _file_body(options.file, model)
    return _PARSERS[options.api or _api(body)](body, headers)


def _api(body: bytes) -> str:
    """The API whose fields a body has; what is no object is chat's parser's to refuse."""
    try:
        fields: object = json.loads(body)
    except ValueError:
        return APIS[0]
    found = api_of(cast("Mapping[str, Any]", fields)) if isinstance(fields, dict) else APIS[0]
    return found if found in _PARSERS else APIS[0]


def _describes_prompt(options: RequestOptions) -> bool:
    extras = (options.images, options.tools, options.turns > 1, options.temperature is not None)
    return any(extras)


def _body(options: RequestOptions, model: str) -> bytes:
    prompt = sys.stdin.read() if options.prompt == _STDIN else options.prompt
    content: list[dict[str, object]] = [{"type": "text", "text": prompt}]
    image: dict[str, object] = {"type": "image_url", "image_url": {"url": _IMAGE}}
    content += [image] * options.images
    messages: list[dict[str, object]] = []
    for turn in range(1, options.turns):
        messages.append({"role": "user", "content": f"Turn {turn}."})
        messages.append({"role": "assistant", "content": "Done."})
    messages.append({"role": "user", "content": content if options.images else prompt})
    body: dict[str, object] = {"model": model, "messages": messages}
    if options.tools:
        body["tools"] = [_tool(number) for number in range(1, options.tools + 1)]
    if options.temperature is not None:
        body["temperature"] = options.temperature
    return json.dumps(body).encode()


def _tool(number: int) -> dict[str, object]:
    return {"type": "function", "function": {"name": f"tool_{number}", "parameters": {}}}


def _file_body(path: Path, model: str | None) -> bytes:
    try:
        data = sys.stdin.buffer.read() if str(path) == _STDIN else path.read_bytes()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    if model is None:
        return data
    try:
        body: object = json.loads(data)
    except ValueError as error:
        raise Failure(f"{path}: not JSON ({error})") from error
    if not isinstance(body, dict):
        raise Failure(f"{path}: not a JSON object")
    return json.dumps({**body, "model": model}).encode()


def _headers(options: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{option!r} is not NAME=VALUE", param_hint="--header")
        headers[name.strip().lower()] = value
    return headers
