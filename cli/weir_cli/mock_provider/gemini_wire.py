"""Gemini's wire: generateContent, countTokens and errors, as JSON and as SSE. Pure.

As with Google's own Gemini 3, a call that is given back must have the signature that it came with.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence

from weir_cli.mock_provider.answers import pieces, tokens
from weir_cli.mock_provider.json_fields import (
    BadRequest,
    Json,
    Object,
    integer,
    mapping,
    objects,
    strings,
    text,
)
from weir_cli.mock_provider.model_request import Finish, ModelAnswer, ModelRequest, Tool

STREAM = "streamGenerateContent"
_TOKENS_PER_TURN = 4
_FINISH = {
    Finish.STOP: "STOP",
    Finish.STOP_SEQUENCE: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.TOOL: "STOP",
}
_STATUSES = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
_NOT_MINE = "skip_thought_signature_validator"  # Google's word for a call of another model
_SIGNED = "gemini-3"  # in the names of models that insist on signatures


def read_request(body: Object, model: str, method: str) -> ModelRequest:
    """Read a request to `model`. Raises BadRequest."""
    contents = objects(body, "contents")
    if not contents:
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified")
    if _SIGNED in model:
        _verify(contents)
    turns = [("system", _words(mapping(body, "systemInstruction")))]
    turns += [(text(turn, "role", "user"), _words(turn)) for turn in contents]
    turns = [turn for turn in turns if turn != ("system", "")]
    question = next((words for role, words in reversed(turns) if role == "user"), "")
    config = mapping(body, "generationConfig")
    tools = tuple(
        Tool(text(offered, "name"), mapping(offered, "parametersJsonSchema"))
        for tool in objects(body, "tools")
        for offered in objects(tool, "functionDeclarations")
    )
    return ModelRequest(
        model=model,
        prompt="\n".join(f"{role}: {words}" for role, words in turns),
        question=question,
        prompt_tokens=sum(tokens(words) + _TOKENS_PER_TURN for _, words in turns),
        tools=tools,
        tool=None if _has_result(contents[-1]) else _chosen(body, tools, question),
        schema=mapping(config, "responseJsonSchema") or None,
        json_mode=text(config, "responseMimeType") == "application/json",
        stop=tuple(strings(config, "stopSequences")),
        max_tokens=integer(config, "maxOutputTokens"),
        stream=method == STREAM,
        thinks=mapping(config, "thinkingConfig").get("includeThoughts") is True,
    )


def count(body: Object, model: str) -> Object:
    """The answer of countTokens. Raises BadRequest."""
    inner = mapping(body, "generateContentRequest") or body
    return {"totalTokens": read_request(inner, model, "").prompt_tokens}


def response(request: ModelRequest, answer: ModelAnswer) -> Object:
    """The whole answer as one object."""
    thought: list[Json] = [_thought(request)] if request.thinks else []
    return _event(request, answer, [*thought, _part(answer, answer.text)], last=True)


def events(request: ModelRequest, answer: ModelAnswer) -> Iterator[bytes]:
    """The answer as server-sent events; the last one has the finish reason."""
    parts: list[Json] = [_thought(request)] if request.thinks else []
    if answer.call is None:
        parts += [_part(answer, piece) for piece in pieces(answer.text)]
    else:
        parts.append(_part(answer, ""))
    for at, part in enumerate(parts):
        made = _event(request, answer, [part], last=at == len(parts) - 1)
        yield b"data: " + json.dumps(made, separators=(",", ":")).encode() + b"\r\n\r\n"


def error(refused: BadRequest) -> Object:
    """An error in Google's shape."""
    status = _STATUSES.get(refused.status, "INVALID_ARGUMENT")
    status = "UNAVAILABLE" if refused.status >= 500 else status  # noqa: PLR2004 - the server's own
    return {"error": {"code": refused.status, "message": refused.message, "status": status}}


def _event(
    request: ModelRequest, answer: ModelAnswer, parts: Sequence[Json], *, last: bool
) -> Object:
    candidate: Object = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    candidate |= {"finishReason": _FINISH[answer.finish]} if last else {}
    usage: Object = {"promptTokenCount": request.prompt_tokens}
    usage |= {"candidatesTokenCount": answer.tokens} if last else {}
    usage["totalTokenCount"] = request.prompt_tokens + (answer.tokens if last else 0)
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": request.model,
        "responseId": f"standin-{answer.id}",
    }


def _part(answer: ModelAnswer, words: str) -> Object:
    if answer.call is None:
        return {"text": words}
    arguments: Json = json.loads(json.dumps(dict(answer.call.arguments)))
    call: Object = {"name": answer.call.name, "args": arguments}
    return {"functionCall": call, "thoughtSignature": _signature(call)}


def _thought(request: ModelRequest) -> Object:
    words = f"The question has {tokens(request.question)} tokens."
    return {"text": words, "thought": True}


def _signature(call: Object) -> str:
    signed = json.dumps({"name": text(call, "name"), "args": mapping(call, "args")}, sort_keys=True)
    return base64.b64encode(hashlib.sha256(signed.encode()).digest()).decode()


def _verify(contents: Sequence[Object]) -> None:
    """Refuse a turn whose first call has no signature, or another one's."""
    for turn in contents:
        calls = [part for part in objects(turn, "parts") if "functionCall" in part]
        if not calls:
            continue
        signature = text(calls[0], "thoughtSignature").replace("-", "+")
        own = _signature(mapping(calls[0], "functionCall"))
        if signature not in {own, _NOT_MINE} and signature.replace("_", "/") != own:
            raise BadRequest("Function call is missing a thought_signature in functionCall parts.")


def _words(content: Object) -> str:
    return "\n".join(text(part, "text") for part in objects(content, "parts"))


def _has_result(turn: Object) -> bool:
    return any("functionResponse" in part for part in objects(turn, "parts"))


def _chosen(body: Object, tools: Sequence[Tool], question: str) -> Tool | None:
    config = mapping(mapping(body, "toolConfig"), "functionCallingConfig")
    allowed = strings(config, "allowedFunctionNames")
    offered = [tool for tool in tools if not allowed or tool.name in allowed]
    match text(config, "mode", "AUTO"):
        case "NONE":
            return None
        case "ANY":
            return next(iter(offered), None)
        case _:
            wanted = question.casefold()
            return next((tool for tool in offered if tool.name.casefold() in wanted), None)
