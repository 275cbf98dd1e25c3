"""Claude on Vertex: Anthropic's messages with the model in the URL and the version in the body."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec

from weir_wires.anthropic.messages import COUNT_TOKENS as ANTHROPIC_COUNT_TOKENS
from weir_wires.anthropic.messages import MESSAGES
from weir_wires.errors import InvalidBody
from weir_wires.spec import Adopted
from weir_wires.wire import Wire

VERSION: Final = "vertex-2023-10-16"  # Vertex's name for ...
FIRST_VERSION: Final = "2023-06-01"  # ... this version of the API; later ones have one name
_FIELD: Final = "anthropic_version"
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _url(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    return f"{base}/models/{model}:{'streamRawPredict' if stream else 'rawPredict'}"


def _count_url(base: str, model: str, stream: bool) -> str:  # noqa: FBT001 - as `WireSpec.url_of` says
    del model, stream  # the model stays in the body
    return f"{base}/models/count-tokens:rawPredict"


def _fields(body: bytes, headers: Mapping[str, str]) -> dict[str, msgspec.Raw]:
    """The version first: equal beginnings of conversations stay equal."""
    wanted = headers.get("anthropic-version", FIRST_VERSION)
    version = VERSION if wanted == FIRST_VERSION else wanted
    try:
        return {_FIELD: msgspec.Raw(msgspec.json.encode(version)), **_OBJECT.decode(body)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidBody(f"the body is not a JSON object: {error}", code="invalid_json") from error


def _adopt(body: bytes, headers: Mapping[str, str]) -> Adopted:
    fields = _fields(body, headers)
    fields.pop("model", None)
    return Adopted(msgspec.json.encode(fields))


def _adopt_for_count(body: bytes, headers: Mapping[str, str]) -> Adopted:
    return Adopted(msgspec.json.encode(_fields(body, headers)))


CLAUDE: Final = replace(
    MESSAGES,
    wire=Wire("vertex.claude"),
    path="/models/{model}:rawPredict",
    url_of=_url,
    auth=("authorization", "Bearer "),
    headers={},
    forwarded=("anthropic-beta",),
    protocol="",
    version_path="",
    also=frozenset({Wire("vertex.claude_tokens")}),
    format_of=MESSAGES.wire,
    adopt=_adopt,
    to_chat=None,
)
COUNT_TOKENS: Final = replace(
    ANTHROPIC_COUNT_TOKENS,
    wire=Wire("vertex.claude_tokens", operation="count_tokens", answers=False),
    path="/models/count-tokens:rawPredict",
    url_of=_count_url,
    auth=CLAUDE.auth,
    headers={},
    forwarded=CLAUDE.forwarded,
    version_path="",
    format_of=ANTHROPIC_COUNT_TOKENS.wire,
    adopt=_adopt_for_count,
)
