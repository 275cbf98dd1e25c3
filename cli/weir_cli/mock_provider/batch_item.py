"""The answer to one item of a batch, by its path. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from weir_cli.mock_provider import anthropic_wire, openai_wire, responses_wire
from weir_cli.mock_provider.answers import answer
from weir_cli.mock_provider.json_fields import BadRequest, Object
from weir_cli.mock_provider.model_request import ModelRequest


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """An answer and its token counts."""

    model: str
    input_tokens: int  # tokens
    output_tokens: int
    body: Object


def answer_item(path: str, body: Object) -> ItemAnswer:
    """The answer to `body` at `path`. Raises BadRequest."""
    maker = _MAKERS.get(path)
    if maker is None:
        raise BadRequest(f"`{path}` can't be batched.", param="url")
    return maker(body)


def _chat(body: Object) -> ItemAnswer:
    request = openai_wire.read_request(body)
    answers = [answer(request, at) for at in range(request.choices)]
    written = sum(each.tokens for each in answers)
    return ItemAnswer(
        request.model, request.prompt_tokens, written, openai_wire.completion(request, answers)
    )


def _responses(body: Object) -> ItemAnswer:
    return _single(responses_wire.read_request(body), responses_wire.response)


def _completions(body: Object) -> ItemAnswer:
    request = responses_wire.read_legacy_request(body)
    answers = [answer(request, at) for at in range(request.choices)]
    written = sum(each.tokens for each in answers)
    whole = responses_wire.completion(request, answers)
    return ItemAnswer(request.model, request.prompt_tokens, written, whole)


def _embeddings(body: Object) -> ItemAnswer:
    whole, model, read = openai_wire.embeddings(body)
    return ItemAnswer(model, read, 0, whole)


def _messages(body: Object) -> ItemAnswer:
    return _single(anthropic_wire.read_request(body), anthropic_wire.message)


def _single(request: ModelRequest, write: Callable[..., Object]) -> ItemAnswer:
    reply = answer(request)
    return ItemAnswer(request.model, request.prompt_tokens, reply.tokens, write(request, reply))


_MAKERS: dict[str, Callable[[Object], ItemAnswer]] = {
    "/v1/chat/completions": _chat,
    "/v1/responses": _responses,
    "/v1/completions": _completions,
    "/v1/embeddings": _embeddings,
    "/v1/messages": _messages,
}
