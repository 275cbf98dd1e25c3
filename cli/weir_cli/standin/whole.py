"""One request answered whole, whatever path it came by: what a batch's items are. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from weir_cli.standin import anthropic_wire, openai_wire, responses_wire
from weir_cli.standin.answers import answer
from weir_cli.standin.ask import Ask
from weir_cli.standin.reading import Object, Refused


@dataclass(frozen=True, slots=True)
class Made:
    """An answer, and what it took."""

    model: str
    read: int  # tokens
    written: int
    whole: Object


def made(path: str, body: Object) -> Made:
    """The answer to `body` at `path`. Raises Refused."""
    maker = _MAKERS.get(path)
    if maker is None:
        raise Refused(f"`{path}` can't be batched.", param="url")
    return maker(body)


def _chat(body: Object) -> Made:
    asked = openai_wire.ask(body)
    answers = [answer(asked, at) for at in range(asked.choices)]
    written = sum(each.tokens for each in answers)
    return Made(asked.model, asked.prompt_tokens, written, openai_wire.completion(asked, answers))


def _responses(body: Object) -> Made:
    return _one(responses_wire.ask(body), responses_wire.response)


def _completions(body: Object) -> Made:
    asked = responses_wire.legacy_ask(body)
    answers = [answer(asked, at) for at in range(asked.choices)]
    written = sum(each.tokens for each in answers)
    whole = responses_wire.completion(asked, answers)
    return Made(asked.model, asked.prompt_tokens, written, whole)


def _embeddings(body: Object) -> Made:
    whole, model, read = openai_wire.embeddings(body)
    return Made(model, read, 0, whole)


def _messages(body: Object) -> Made:
    return _one(anthropic_wire.ask(body), anthropic_wire.message)


def _one(asked: Ask, write: Callable[..., Object]) -> Made:
    one = answer(asked)
    return Made(asked.model, asked.prompt_tokens, one.tokens, write(asked, one))


_MAKERS: dict[str, Callable[[Object], Made]] = {
    "/v1/chat/completions": _chat,
    "/v1/responses": _responses,
    "/v1/completions": _completions,
    "/v1/embeddings": _embeddings,
    "/v1/messages": _messages,
}
