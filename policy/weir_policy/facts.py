"""What a policy's rules may ask of a request: the fields are the CEL names (`request.turns`)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """One request as rules see it."""

    model: str  # as the client wrote it
    stream: bool
    turns: int  # messages of role user
    messages: int  # all messages
    chars: int  # characters of the user's own turns
    tools: int  # tools offered
    images: int  # image parts
    json_schema: bool  # response_format asks for a schema
    max_tokens: int  # the cap the client set; 0: none
    temperature: float  # 1 where the client set none
    user: str  # the request's user field
    headers: Mapping[str, str]  # in lower case; no Authorization, no cookies, no keys
    text: str  # the last user turn, capped
