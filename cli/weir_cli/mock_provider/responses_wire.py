"""OpenAI's responses and legacy completions, as JSON and as SSE. Pure.

Responses are not stored, so a request that names an earlier one is refused.
"""

import json
from collections.abc import Iterator, Sequence

from weir_cli.mock_provider.answers import pieces, tokens
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

_CREATED = 1_700_000_000
_TOKENS_PER_ITEM = 4
_LEGACY_MAX_TOKENS = 16
_STATE = ("previous_response_id", "conversation")
_IN_PROGRESS, _COMPLETED, _INCOMPLETE = "in_progress", "completed", "incomplete"


def read_request(body: Object) -> ModelRequest:
    """Read a response's request. Raises BadRequest."""
    for name in _STATE:
        if body.get(name) is not None:
            raise BadRequest(f"`{name}`: responses are not stored here.", param=name)
    turns = _turns(body)
    question = next((words for role, words in reversed(turns) if role == "user"), "")
    tools = tuple(
        Tool(text(offered, "name"), mapping(offered, "parameters"))
        for offered in objects(body, "tools")
    )
    shape = mapping(mapping(body, "text"), "format")
    return ModelRequest(
        model=_model(body),
        prompt="\n".join(f"{role}: {words}" for role, words in turns),
        question=question,
        prompt_tokens=sum(tokens(words) + _TOKENS_PER_ITEM for _, words in turns),
        tools=tools,
        tool=_chosen(body, tools, question, last=turns[-1][0]),
        schema=mapping(shape, "schema") or None,
        json_mode=text(shape, "type") in {"json_object", "json_schema"},
        max_tokens=integer(body, "max_output_tokens"),
        stream=boolean(body, "stream"),
    )


def response(request: ModelRequest, answer: ModelAnswer) -> Object:
    """The whole answer as one object."""
    status = _INCOMPLETE if answer.finish is Finish.LENGTH else _COMPLETED
    output: Json = [_item(answer, status)]
    usage: Json = {
        "input_tokens": request.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": request.prompt_tokens + answer.tokens,
    }
    ended: Json = {"reason": "max_output_tokens"} if status == _INCOMPLETE else None
    return {
        **_opening(request, answer),
        "status": status,
        "incomplete_details": ended,
        "output": output,
        "usage": usage,
    }


def events(request: ModelRequest, answer: ModelAnswer) -> Iterator[bytes]:
    """The answer as server-sent events, numbered, the whole response last."""
    for number, (kind, fields) in enumerate(_events(request, answer)):
        data = json.dumps({"type": kind, "sequence_number": number, **fields})
        yield f"event: {kind}\ndata: {data}\n\n".encode()


def read_legacy_request(body: Object) -> ModelRequest:
    """Read a legacy completion's request. Raises BadRequest."""
    prompts = strings(body, "prompt")
    if len(prompts) != 1:
        raise BadRequest("`prompt` must be one string.", param="prompt")
    return ModelRequest(
        model=_model(body),
        prompt=prompts[0],
        question=prompts[0],
        prompt_tokens=tokens(prompts[0]),
        choices=max(1, integer(body, "n", 1)),
        stop=tuple(strings(body, "stop")),
        max_tokens=integer(body, "max_tokens", _LEGACY_MAX_TOKENS),
        stream=boolean(body, "stream"),
        stream_usage=boolean(mapping(body, "stream_options"), "include_usage"),
    )


def completion(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Object:
    """The whole legacy answer."""
    choices: Json = [_choice(at, answer.text, _finish(answer)) for at, answer in enumerate(answers)]
    return {**_envelope(request, answers), "choices": choices, "usage": _usage(request, answers)}


def completion_events(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Iterator[bytes]:
    """The legacy answer as server-sent events, `[DONE]` last."""
    for at, answer in enumerate(answers):
        for piece in pieces(answer.text):
            yield _legacy_event(request, answers, [_choice(at, piece, None)])
        yield _legacy_event(request, answers, [_choice(at, "", _finish(answer))])
    if request.stream_usage:
        yield _legacy_event(request, answers, [], usage=_usage(request, answers))
    yield b"data: [DONE]\n\n"


def _turns(body: Object) -> list[tuple[str, str]]:
    plain = body.get("input")
    turns = [("system", text(body, "instructions"))] if text(body, "instructions") else []
    if isinstance(plain, str):
        return [*turns, ("user", plain)]
    items = objects(body, "input")
    if not items:
        raise BadRequest("`input` must be a string or a list of items.", param="input")
    return turns + [(text(item, "role", text(item, "type")), _words(item)) for item in items]


def _words(item: Object) -> str:
    for name in ("content", "output", "arguments"):
        plain = item.get(name)
        if isinstance(plain, str):
            return plain
        if isinstance(plain, list):
            return "\n".join(text(part, "text") for part in objects(item, name))
    return ""


def _chosen(body: Object, tools: Sequence[Tool], question: str, last: str) -> Tool | None:
    choice = body.get("tool_choice")
    if not tools or choice == "none" or last == "function_call_output":
        return None
    if isinstance(choice, dict):
        wanted = text(choice, "name")
        return next((tool for tool in tools if tool.name == wanted), None)
    request = question.casefold()
    named = next((tool for tool in tools if tool.name.casefold() in request), None)
    return named if named is not None else (tools[0] if choice == "required" else None)


def _events(request: ModelRequest, answer: ModelAnswer) -> Iterator[tuple[str, Object]]:
    begun: Json = {
        **_opening(request, answer),
        "status": _IN_PROGRESS,
        "output": [],
        "usage": None,
    }
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    done = response(request, answer)
    yield from _call_events(answer) if answer.call is not None else _text_events(answer)
    status = text(done, "status")
    ended: Json = _item(answer, status)
    yield "response.output_item.done", {"output_index": 0, "item": ended}
    event: Json = done
    yield f"response.{status}", {"response": event}


def _text_events(answer: ModelAnswer) -> Iterator[tuple[str, Object]]:
    at: Object = {"item_id": f"msg_{answer.id}", "output_index": 0, "content_index": 0}
    empty: Json = {**_message(answer, _IN_PROGRESS), "content": []}
    part: Json = _part("")
    full: Json = _part(answer.text)
    yield "response.output_item.added", {"output_index": 0, "item": empty}
    yield "response.content_part.added", {**at, "part": part}
    for piece in pieces(answer.text):
        yield "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**at, "text": answer.text, "logprobs": []}
    yield "response.content_part.done", {**at, "part": full}


def _call_events(answer: ModelAnswer) -> Iterator[tuple[str, Object]]:
    whole_call = _call(answer, _IN_PROGRESS)
    arguments = text(whole_call, "arguments")
    at: Object = {"item_id": text(whole_call, "id"), "output_index": 0}
    empty: Json = {**whole_call, "arguments": ""}
    yield "response.output_item.added", {"output_index": 0, "item": empty}
    for piece in pieces(arguments):
        yield "response.function_call_arguments.delta", {**at, "delta": piece}
    name = text(whole_call, "name")
    yield "response.function_call_arguments.done", {**at, "name": name, "arguments": arguments}


def _item(answer: ModelAnswer, status: str) -> Object:
    return _call(answer, status) if answer.call is not None else _message(answer, status)


def _message(answer: ModelAnswer, status: str) -> Object:
    content: Json = [_part(answer.text)]
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _part(words: str) -> Object:
    return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


def _call(answer: ModelAnswer, status: str) -> Object:
    call = answer.call
    if call is None:
        return {}
    return {
        "id": f"fc_{call.id}",
        "type": "function_call",
        "status": status,
        "call_id": f"call_{call.id}",
        "name": call.name,
        "arguments": json.dumps(dict(call.arguments)),
    }


def _opening(request: ModelRequest, answer: ModelAnswer) -> Object:
    tools: Json = []
    return {
        "id": f"resp_standin_{answer.id}",
        "object": "response",
        "created_at": _CREATED,
        "model": request.model,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": None,
        "tool_choice": "auto",
        "tools": tools,
        "top_p": None,
    }


def _model(body: Object) -> str:
    name = text(body, "model")
    if not name:
        raise BadRequest("`model` must be a string.", param="model")
    return name


def _finish(answer: ModelAnswer) -> str:
    return "length" if answer.finish is Finish.LENGTH else "stop"


def _choice(at: int, words: str, finish: str | None) -> Json:
    return {"text": words, "index": at, "logprobs": None, "finish_reason": finish}


def _envelope(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Object:
    return {
        "id": f"cmpl-standin-{answers[0].id}",
        "object": "text_completion",
        "created": _CREATED,
        "model": request.model,
    }


def _usage(request: ModelRequest, answers: Sequence[ModelAnswer]) -> Json:
    written = sum(answer.tokens for answer in answers)
    return {
        "prompt_tokens": request.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": request.prompt_tokens + written,
    }


def _legacy_event(
    request: ModelRequest, answers: Sequence[ModelAnswer], choices: list[Json], usage: Json = None
) -> bytes:
    event: Object = {**_envelope(request, answers), "choices": choices}
    event |= {"usage": usage} if usage is not None else {}
    return b"data: " + json.dumps(event).encode() + b"\n\n"
