"""Anthropic's wire: messages, count_tokens and errors, as JSON and as SSE. Pure."""

import hashlib
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

_TOKENS_PER_MESSAGE = 4
_FINISH = {
    Finish.STOP: "end_turn",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL: "tool_use",
}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read_request(body: Object) -> ModelRequest:
    """Read a messages request. Raises BadRequest."""
    cap = integer(body, "max_tokens")
    if cap < 1:
        raise BadRequest("max_tokens: a positive whole number is required")
    return _ask(body, cap)


def count(body: Object) -> Object:
    """The answer of count_tokens. Raises BadRequest."""
    return {"input_tokens": _ask(body, 0).prompt_tokens}


def message(request: ModelRequest, answer: ModelAnswer) -> Object:
    """The whole answer as one object."""
    block = _tool_block(answer, answer.call.arguments) if answer.call else _text_block(answer.text)
    thought: list[Json] = [_thinking_block(_thought(request))] if request.thinks else []
    content: Json = [*thought, block]
    return {
        **_opening(request, answer),
        "content": content,
        "stop_reason": _FINISH[answer.finish],
        "stop_sequence": answer.stopped_by or None,
        "usage": {"input_tokens": request.prompt_tokens, "output_tokens": answer.tokens},
    }


def events(request: ModelRequest, answer: ModelAnswer) -> Iterator[bytes]:
    """The answer as server-sent events, `message_stop` last."""
    usage: Json = {"input_tokens": request.prompt_tokens, "output_tokens": 1}
    opened: Object = {**_opening(request, answer), "content": [], "usage": usage}
    opened |= {"stop_reason": None, "stop_sequence": None}
    yield _event("message_start", {"message": opened})
    if request.thinks:
        yield from _block_events(0, {**_thinking_block(""), "signature": ""}, _thoughts(request))
    block = _tool_block(answer, {}) if answer.call else _text_block("")
    yield from _block_events(int(request.thinks), block, _deltas(answer))
    end: Json = {
        "stop_reason": _FINISH[answer.finish],
        "stop_sequence": answer.stopped_by or None,
    }
    yield _event("message_delta", {"delta": end, "usage": {"output_tokens": answer.tokens}})
    yield _event("message_stop", {})


def error(refused: BadRequest) -> Object:
    """An error in Anthropic's shape."""
    inner: Json = {"type": _ERRORS.get(refused.status, "api_error"), "message": refused.message}
    return {"type": "error", "error": inner}


def _ask(body: Object, cap: int) -> ModelRequest:
    model = text(body, "model")
    messages = objects(body, "messages")
    if not model:
        raise BadRequest("model: a string is required")
    if not messages:
        raise BadRequest("messages: at least one message is required")
    for turn in messages:
        _verify(turn)
    turns = [("system", _words(body, "system"))] if "system" in body else []
    turns += [(text(turn, "role", "user"), _words(turn, "content")) for turn in messages]
    question = next((words for role, words in reversed(turns) if role == "user"), "")
    tools = tuple(
        Tool(text(offered, "name"), mapping(offered, "input_schema"))
        for offered in objects(body, "tools")
    )
    return ModelRequest(
        model=model,
        prompt="\n".join(f"{role}: {words}" for role, words in turns),
        question=question,
        prompt_tokens=sum(tokens(words) + _TOKENS_PER_MESSAGE for _, words in turns),
        tools=tools,
        tool=None if _has_result(messages[-1]) else _chosen(body, tools, question),
        schema=mapping(mapping(mapping(body, "output_config"), "format"), "schema") or None,
        stop=tuple(strings(body, "stop_sequences")),
        max_tokens=cap,
        stream=boolean(body, "stream"),
        thinks=text(mapping(body, "thinking"), "type", "disabled") != "disabled",
    )


def _verify(turn: Object) -> None:
    """Refuse a thought that was not signed here, as the real API does."""
    for block in objects(turn, "content"):
        if text(block, "type") == "thinking" and block != _thinking_block(text(block, "thinking")):
            raise BadRequest("messages: a `thinking` block's `signature` is not valid")


def _words(source: Object, key: str) -> str:
    plain = source.get(key)
    if isinstance(plain, str):
        return plain
    return "\n".join(text(part, "text") for part in objects(source, key))


def _has_result(turn: Object) -> bool:
    return any(text(part, "type") == "tool_result" for part in objects(turn, "content"))


def _chosen(body: Object, tools: Sequence[Tool], question: str) -> Tool | None:
    choice = mapping(body, "tool_choice")
    match text(choice, "type", "auto"):
        case "none":
            return None
        case "tool":
            return next((tool for tool in tools if tool.name == text(choice, "name")), None)
        case "any":
            return next(iter(tools), None)
        case _:
            request = question.casefold()
            return next((tool for tool in tools if tool.name.casefold() in request), None)


def _opening(request: ModelRequest, answer: ModelAnswer) -> Object:
    return {
        "id": f"msg_standin_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
    }


def _text_block(words: str) -> Object:
    return {"type": "text", "text": words}


def _thought(request: ModelRequest) -> str:
    return f"The question has {tokens(request.question)} tokens."


def _thinking_block(thought: str) -> Object:
    signature = hashlib.sha256(thought.encode("utf-8", "replace")).hexdigest()
    return {"type": "thinking", "thinking": thought, "signature": signature}


def _thoughts(request: ModelRequest) -> Iterator[Object]:
    thought = _thought(request)
    for piece in pieces(thought):
        yield {"type": "thinking_delta", "thinking": piece}
    yield {"type": "signature_delta", "signature": text(_thinking_block(thought), "signature")}


def _block_events(index: int, empty: Object, deltas: Iterator[Object]) -> Iterator[bytes]:
    yield _event("content_block_start", {"index": index, "content_block": empty})
    if index == 0:
        yield _event("ping", {})
    for delta in deltas:
        yield _event("content_block_delta", {"index": index, "delta": delta})
    yield _event("content_block_stop", {"index": index})


def _tool_block(answer: ModelAnswer, arguments: object) -> Object:
    if answer.call is None:
        return _text_block(answer.text)
    copied: Json = json.loads(json.dumps(arguments))
    call = answer.call
    return {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": copied}


def _deltas(answer: ModelAnswer) -> Iterator[Object]:
    if answer.call is None:
        for piece in pieces(answer.text):
            yield {"type": "text_delta", "text": piece}
        return
    for piece in pieces(json.dumps(dict(answer.call.arguments))):
        yield {"type": "input_json_delta", "partial_json": piece}


def _event(kind: str, fields: Object) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()
