"""OpenAI's wire: chat completions, models, embeddings and errors, as JSON and as SSE. Pure."""

import base64
import json
import math
import struct
from collections.abc import Iterator, Sequence

from weir_cli.mock_provider.answers import embedding, pieces, tokens
from weir_cli.mock_provider.json_fields import (
    BadRequest,
    Json,
    Object,
    boolean,
    integer,
    mapping,
    objects,
    strings,
    text,
)
from weir_cli.mock_provider.model_request import Finish, ModelAnswer, ModelRequest, Tool

_CREATED = 1_700_000_000  # the same every time, as the whole answer is
_TOKENS_PER_MESSAGE = 4
_MOST_CHOICES = 128
_FINISH = {
    Finish.STOP: "stop",
    Finish.STOP_SEQUENCE: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL: "tool_calls",
}
_DIMENSIONS = 256
_MOST_DIMENSIONS = 4096


def read_request(body: Object) -> ModelRequest:
    """Read a chat completion request. Raises BadRequest."""
    messages = objects(body, "messages")
    if not messages:
        raise BadRequest("`messages` must be a list with at least one message.", param="messages")
    turns = [(text(message, "role", "user"), content(message)) for message in messages]
    question = next((words for role, words in reversed(turns) if role == "user"), "")
    tools = tuple(_tools(body))
    shape = mapping(body, "response_format")
    schema = mapping(mapping(shape, "json_schema"), "schema")
    return ModelRequest(
        model=_model(body),
        prompt="\n".join(f"{role}: {words}" for role, words in turns),
        question=question,
        prompt_tokens=sum(tokens(words) + _TOKENS_PER_MESSAGE for _, words in turns),
        tools=tools,
        tool=_chosen(body, tools, question, last_role=turns[-1][0]),
        schema=schema or None,
        json_mode=text(shape, "type") in {"json_object", "json_schema"},
        choices=_choices(body),
        stop=tuple(strings(body, "stop")),
        max_tokens=integer(body, "max_completion_tokens", integer(body, "max_tokens")),
        stream=boolean(body, "stream"),
        stream_usage=boolean(mapping(body, "stream_options"), "include_usage"),
        logprobs=boolean(body, "logprobs"),
    )


def content(message: Object) -> str:
    """A message's words: a string, or the text parts of a list."""
    plain = message.get("content")
    if isinstance(plain, str):
        return plain
    return "\n".join(text(part, "text") for part in objects(message, "content"))


def completion(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Object:
    """The whole answer as one object."""
    choices: Json = [
        {
            "index": at,
            "message": _message(answer),
            "logprobs": _logprobs(answer) if request.logprobs else None,
            "finish_reason": _FINISH[answer.finish],
        }
        for at, answer in enumerate(answers)
    ]
    return {
        "id": _id(answers),
        "object": "chat.completion",
        "created": _CREATED,
        "model": request.model,
        "choices": choices,
        "usage": _usage(request, answers),
        "system_fingerprint": "weir-stand-in",
    }


def events(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Iterator[bytes]:
    """The answer as server-sent events, `[DONE]` last."""
    for at, answer in enumerate(answers):
        yield _chunk(request, answers, at, {"role": "assistant", "content": ""})
        for delta in _deltas(answer):
            yield _chunk(request, answers, at, delta)
        yield _chunk(request, answers, at, {}, _FINISH[answer.finish])
    if request.stream_usage:
        yield _event(
            {**_envelope(request, answers), "choices": [], "usage": _usage(request, answers)}
        )
    yield b"data: [DONE]\n\n"


def models(names: Sequence[str]) -> Object:
    """The list of models."""
    data: Json = [model(name) for name in names]
    return {"object": "list", "data": data}


def model(name: str) -> Object:
    """One model."""
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "weir-stand-in"}


def embeddings(body: Object) -> tuple[Object, str, int]:
    """Embeddings, the model that was named and the tokens read. Raises BadRequest."""
    texts = strings(body, "input")
    if not texts:
        raise BadRequest("`input` must be a string or a list of strings.", param="input")
    dimensions = min(integer(body, "dimensions", _DIMENSIONS), _MOST_DIMENSIONS)
    packed = text(body, "encoding_format") == "base64"
    data: Json = [
        {"object": "embedding", "index": at, "embedding": _vector(words, dimensions, packed=packed)}
        for at, words in enumerate(texts)
    ]
    count = sum(tokens(words) for words in texts)
    usage: Json = {"prompt_tokens": count, "total_tokens": count}
    name = _model(body)
    return {"object": "list", "data": data, "model": name, "usage": usage}, name, count


def error(refused: BadRequest) -> Object:
    """An error in OpenAI's shape."""
    kind = "invalid_request_error" if refused.status < 500 else "server_error"  # noqa: PLR2004 - HTTP's own boundary
    inner: Json = {
        "message": refused.message,
        "type": kind,
        "param": refused.param or None,
        "code": refused.code,
    }
    return {"error": inner}


def _model(body: Object) -> str:
    name = text(body, "model")
    if not name:
        raise BadRequest("`model` must be a string.", param="model")
    return name


def _choices(body: Object) -> int:
    count = integer(body, "n", 1)
    if not 1 <= count <= _MOST_CHOICES:
        raise BadRequest(f"`n` must be between 1 and {_MOST_CHOICES}.", param="n")
    return count


def _tools(body: Object) -> Iterator[Tool]:
    for offered in objects(body, "tools"):
        function = mapping(offered, "function")
        if name := text(function, "name"):
            yield Tool(name, mapping(function, "parameters"))


def _chosen(body: Object, tools: Sequence[Tool], question: str, last_role: str) -> Tool | None:
    """The tool to call: the forced one, or the one the question names; none after its result."""
    choice = body.get("tool_choice")
    if not tools or choice == "none" or last_role == "tool":
        return None
    if isinstance(choice, dict):
        wanted = text(mapping(choice, "function"), "name")
        return next((tool for tool in tools if tool.name == wanted), None)
    named = next((tool for tool in tools if tool.name.casefold() in question.casefold()), None)
    if named is not None:
        return named
    return tools[0] if choice == "required" or "tool" in question.casefold() else None


def _logprobs(answer: ModelAnswer) -> Json:
    """Of a judge's one token; of other answers nothing is known."""
    if not answer.odds:
        return None
    tokens_by_odds: list[Json] = [
        {"token": word, "logprob": math.log(odds), "bytes": [*word.encode()]}
        for word, odds in sorted(answer.odds, key=lambda pair: -pair[1])
        if odds > 0
    ]
    first = tokens_by_odds[0]
    return {
        "content": [{**first, "top_logprobs": tokens_by_odds}] if isinstance(first, dict) else []
    }


def _message(answer: ModelAnswer) -> Object:
    if answer.call is None:
        return {"role": "assistant", "content": answer.text, "refusal": None}
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [_call(answer)]}


def _call(answer: ModelAnswer) -> Object:
    call = answer.call
    if call is None:
        return {}
    function: Json = {"name": call.name, "arguments": json.dumps(dict(call.arguments))}
    return {"id": f"call_{call.id}", "type": "function", "function": function}


def _deltas(answer: ModelAnswer) -> Iterator[Object]:
    """What a stream brings between its first and last chunk."""
    if answer.call is None:
        for piece in pieces(answer.text):
            yield {"content": piece}
        return
    name: Json = {"name": answer.call.name, "arguments": ""}
    opening: Json = {
        "index": 0,
        "id": f"call_{answer.call.id}",
        "type": "function",
        "function": name,
    }
    yield {"tool_calls": [opening]}
    for piece in pieces(json.dumps(dict(answer.call.arguments))):
        part: Json = {"index": 0, "function": {"arguments": piece}}
        yield {"tool_calls": [part]}


def _chunk(
    request: ModelRequest,
    answers: Sequence[ModelAnswer],
    at: int,
    delta: Object,
    finish: str | None = None,
) -> bytes:
    choice: Json = {"index": at, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk: Object = {**_envelope(request, answers), "choices": [choice]}
    if request.stream_usage:
        chunk["usage"] = None
    return _event(chunk)


def _envelope(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Object:
    return {
        "id": _id(answers),
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": request.model,
        "system_fingerprint": "weir-stand-in",
    }


def _event(value: Object) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def _usage(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Object:
    written = sum(answer.tokens for answer in answers)
    return {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": request.prompt_tokens + written,
    }


def _id(answers: Sequence[ModelAnswer]) -> str:
    return f"chatcmpl-standin-{answers[0].id}"


def _vector(words: str, dimensions: int, *, packed: bool) -> Json:
    values = embedding(words, dimensions)
    if packed:
        return base64.b64encode(struct.pack(f"<{dimensions}f", *values)).decode()
    return [*values]
