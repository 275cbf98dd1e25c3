"""An Anthropic request as OpenAI's chat completion.

The body begins with what a conversation keeps (model, tools, turns) and ends with what may change
from one request to the next, so that providers' prompt caches still hit.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weir_wires.errors import InvalidBody, NotCarried
from weir_wires.messages_to_chat import options
from weir_wires.messages_to_chat.parts import CACHE
from weir_wires.messages_to_chat.shapes import Block, Message
from weir_wires.messages_to_chat.turns import system, turns
from weir_wires.request_body import Body

_MESSAGES: Final = msgspec.json.Decoder(list[Message])
_SYSTEM: Final = msgspec.json.Decoder(str | list[Block])
_FLAG: Final = msgspec.json.Decoder(bool)
_OWN: Final = ("model",)  # fields that the gateway itself sets
_STREAM: Final = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True, slots=True)
class Translated:
    """The body, and what was left out."""

    body: bytes
    dropped: tuple[str, ...]


def translate_request(client_body: bytes, model: str) -> Translated:
    """`client_body` for `model`. Raises NotCarried and InvalidBody naming the field."""
    body = Body(client_body)
    for name in _OWN:
        body.raw(name)
    options.refuse(body)
    if body.raw(CACHE) is not None:
        body.drop(CACHE)
    fields = _conversation(body, model)
    # Its usage comes in the stream only when asked for, and our client's wire always tells it.
    fields |= _STREAM if body.take("stream", _FLAG) else {}
    return Translated(msgspec.json.encode(fields), body.drop_rest())


def _conversation(body: Body, model: str) -> dict[str, Any]:
    messages = body.need("messages", _MESSAGES)
    if not messages:
        raise InvalidBody("`messages` is empty: write at least one", param="messages")
    if messages[-1].role == "assistant":
        at = f"messages[{len(messages) - 1}]"
        raise NotCarried(f"`{at}`: this model can't go on with a begun answer", param=at)
    offered = options.tools(body)
    chat_messages = [*system(body.take("system", _SYSTEM) or "", body), *turns(messages, body)]
    fields: dict[str, Any] = {"model": model}
    fields |= {"tools": offered} if offered else {}
    fields["messages"] = chat_messages
    fields |= options.limit(body, model)
    fields |= options.choice(body, offered=bool(offered))
    fields |= options.effort_and_format(body, model)
    return fields | options.sampling(body, model) | options.rest(body)
