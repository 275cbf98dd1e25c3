"""LiteLLM's call data: the fields of the client's request in it, and where notes about it go."""

from collections.abc import Mapping, MutableMapping
from typing import Any, Final, cast

from weir.decision import Decision
from weir.read_request import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES

Data = MutableMapping[str, Any]

# LiteLLM's names of the calls that have a prompt, and the client API of each.
APIS: Final[Mapping[str, str]] = {
    "completion": CHAT,
    "acompletion": CHAT,
    "text_completion": COMPLETIONS,
    "atext_completion": COMPLETIONS,
    "embedding": EMBEDDINGS,
    "aembedding": EMBEDDINGS,
    "embeddings": EMBEDDINGS,
    "responses": RESPONSES,
    "aresponses": RESPONSES,
    "anthropic_messages": MESSAGES,
}
# What routing reads of a request, by any API; the data has much more, such as logging objects.
REQUEST_FIELDS: Final = frozenset(
    {
        *("messages", "input", "prompt", "system", "instructions", "tools", "functions", "n"),
        *("stream", "response_format", "text", "max_tokens", "max_completion_tokens", "user"),
        *("max_output_tokens", "temperature", "thinking", "previous_response_id", "store"),
        *("conversation", "dimensions", "encoding_format"),
    }
)
_METADATA: Final = ("litellm_metadata", "metadata")
_NOTE: Final = "weir"  # the key of the note in the metadata


def request_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The client's request in LiteLLM's data, without its model."""
    return {name: data[name] for name in REQUEST_FIELDS & data.keys() if data[name] is not None}


def client_headers(data: Mapping[str, Any]) -> Mapping[str, str]:
    """The headers of the proxy's client; none where the Router is called in process."""
    return as_fields(as_fields(data.get("proxy_server_request")).get("headers"))


def take_note(data: Data, decision: Decision) -> None:
    """Put the decision into the call's metadata, where LiteLLM's loggers see it."""
    name = next((name for name in _METADATA if isinstance(data.get(name), dict)), _METADATA[1])
    data.setdefault(name, {})[_NOTE] = {
        "decision": decision.id,
        "policy": decision.policy,
        "backend": decision.backend,
        "reason": decision.reason,
        "score": decision.score,
    }


def note_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The note in the metadata of a call; empty where Weir did not decide it."""
    for name in _METADATA:
        note = as_fields(as_fields(data.get(name)).get(_NOTE))
        if note:
            return note
    return {}


def as_fields(value: object) -> Mapping[str, Any]:
    """A mapping of LiteLLM's as it is; anything else has no fields."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
