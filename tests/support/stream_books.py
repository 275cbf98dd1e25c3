"""Providers of five forms that stream known texts and keep their own books of tokens.

The texts and their counts are those of a real tokenizer (tests/unit/wires/token_counts.json), so
that the books don't depend on the gateway's estimates.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from support.bundles import ROOT
from support.upstream import Exchange

Json = dict[str, Any]

COUNTED: Final[dict[str, tuple[str, int]]] = json.loads(
    (ROOT / "tests/unit/wires/token_counts.json").read_text("utf-8")
)
PIECE: Final = 48  # characters of one event
MESSAGE_TOKENS: Final = 6  # what OpenAI's recipe adds for one message and its answer


@dataclass(frozen=True)
class Text:
    """A text and its tokens."""

    text: str
    tokens: int

    def cut(self, pieces: int) -> "Text":
        """Its first pieces; a share of the tokens."""
        text = self.text[: pieces * PIECE]
        return Text(text, round(self.tokens * len(text) / len(self.text)))

    @property
    def pieces(self) -> list[str]:
        return [self.text[at : at + PIECE] for at in range(0, len(self.text), PIECE)]


def mixed(rng: random.Random, least: int, most: int) -> Text:
    """Texts of several kinds, one below the other."""
    chosen = rng.choices(list(COUNTED.values()), k=rng.randint(least, most))
    return Text("\n".join(text for text, _ in chosen), sum(tokens for _, tokens in chosen))


@dataclass(frozen=True)
class Stream:
    """What one request asks and gets, and what its provider charges."""

    prompt: Text
    answer: Text  # all of it
    left_after: int | None  # pieces after which the client leaves; None: it stays

    @property
    def input(self) -> int:
        return self.prompt.tokens + MESSAGE_TOKENS

    @property
    def output(self) -> int:
        """Tokens that were written, so far as the client stayed."""
        return (
            self.answer.tokens
            if self.left_after is None
            else self.answer.cut(self.left_after).tokens
        )


@dataclass(frozen=True)
class Form:
    """How one provider streams."""

    name: str
    protocol: str
    wire: str
    path: str  # of the client
    field: str  # of the request that has the prompt
    tells: bool  # its usage, at the end
    opening: Callable[[Stream], list[bytes]]
    piece: Callable[[str, int], bytes]  # text and its number
    ending: Callable[[Stream], list[bytes]]
    seen: int  # events that the client sees before the first piece

    def body(self, stream: Stream) -> Json:
        turns = [{"role": "user", "content": stream.prompt.text}]
        prompt = stream.prompt.text if self.field == "input" else turns
        extra = {"max_tokens": 9999} if self.path == "messages" else {}
        return {"model": "auto", "stream": True, self.field: prompt, **extra}


def serving(form: Form, streams: Sequence[Stream]) -> Callable[[Exchange], Any]:
    """The provider; a request's `idempotency-key` is the number of its stream."""

    async def behave(exchange: Exchange) -> None:
        stream = streams[int(exchange.received.headers["idempotency-key"])]
        pieces = stream.answer.pieces[: stream.left_after]
        written = [form.piece(text, number) for number, text in enumerate(pieces)]
        await exchange.begin()
        # In bursts, as fast models write.
        for at in range(0, len(written), 4):
            head = form.opening(stream) if at == 0 else []
            await exchange.chunk(b"".join([*head, *written[at : at + 4]]))
        if stream.left_after is not None:
            await exchange.gone.wait()
            return
        await exchange.chunk(b"".join(form.ending(stream)))
        await exchange.end()

    return behave


def _event(value: object, name: str = "", *, start: str = "data: ", end: str = "\n") -> bytes:
    named = f"event: {name}{end}" if name else ""
    return f"{named}{start}{json.dumps(value, ensure_ascii=False)}{end}{end}".encode()


def _chunk(delta: Json, **fields: object) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": fields.pop("finish", None)}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **fields}


def _chat_usage(stream: Stream) -> Json:
    return {"prompt_tokens": stream.input, "completion_tokens": stream.output}


def _call(text: str) -> Json:
    return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}


def _openai_piece(text: str, number: int) -> bytes:
    return _event(_chunk({"content": text} if number % 3 else _call(text), usage=None))


def _deepseek_piece(text: str, number: int) -> bytes:
    field = "content" if number > 9 else "reasoning_content"
    return _event(_chunk({field: text}), end="\r\n")


def _delta(text: str, number: int) -> bytes:
    kind, field = ("thinking_delta", "thinking") if number < 5 else ("text_delta", "text")
    delta = {"type": kind, field: text}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    return _event(event, "content_block_delta")


def _message_start(stream: Stream) -> list[bytes]:
    usage = {"input_tokens": stream.input, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_1",
        "role": "assistant",
        "model": "m",
        "content": [],
        "usage": usage,
    }
    return [_event({"type": "message_start", "message": message}, "message_start")]


def _message_end(stream: Stream) -> list[bytes]:
    usage = {"output_tokens": stream.output, "input_tokens": 0}
    ended = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    return [_event(ended, "message_delta"), _event({"type": "message_stop"}, "message_stop")]


def _response_piece(text: str, number: int) -> bytes:
    calls, words = "function_call_arguments", "output_text"
    kind = f"response.{words if number % 2 else calls}.delta"
    return _event({"type": kind, "item_id": "i", "output_index": 0, "delta": text}, kind)


def _response_end(stream: Stream) -> list[bytes]:
    part = {"type": "output_text", "text": stream.answer.text}
    output = [{"type": "message", "content": [part]}]
    usage = {"input_tokens": stream.input, "output_tokens": stream.output}
    response = {"id": "r", "status": "completed", "output": output, "usage": usage}
    kind = "response.completed"
    return [_event({"type": kind, "response": response}, kind)]


_DONE: Final = b"data: [DONE]\n\n"
_CREATED: Final = _event({"type": "response.created", "response": {}}, "response.created")

FORMS: Final = (
    Form(
        *("openai", "openai", "chat", "chat/completions", "messages", True),
        opening=lambda _: [_event(_chunk({"role": "assistant"}))],
        piece=_openai_piece,
        ending=lambda stream: [
            _event(_chunk({}, finish="stop")),
            _event({"choices": [], "usage": _chat_usage(stream)}),
            _DONE,
        ],
        seen=1,
    ),
    Form(
        *("local server without usage", "openai", "chat", "chat/completions", "messages", False),
        opening=lambda _: [],
        piece=lambda text, _: _event(_chunk({"content": text}), start="data:"),
        ending=lambda _: [_event(_chunk({}, finish="stop"), start="data:"), _DONE],
        seen=0,
    ),
    Form(
        *("deepseek", "openai", "chat", "chat/completions", "messages", True),
        opening=lambda _: [b": keep-alive\r\n\r\n"],
        piece=_deepseek_piece,
        ending=lambda stream: [
            _event(_chunk({}, finish="stop", usage=_chat_usage(stream)), end="\r\n"),
            _DONE,
        ],
        seen=1,
    ),
    Form(
        *("anthropic", "anthropic", "messages", "messages", "messages", True),
        opening=_message_start,
        piece=_delta,
        ending=_message_end,
        seen=1,
    ),
    Form(
        *("responses", "openai", "responses", "responses", "input", True),
        opening=lambda _: [_CREATED],
        piece=_response_piece,
        ending=_response_end,
        seen=1,
    ),
)
