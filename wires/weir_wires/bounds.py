"""What is too long for the other API, or written as it doesn't take it: made to fit, the same way
in every request, so that equal conversations stay equal bytes.
"""

import hashlib
import re
from typing import Final

MAX_CHAT_NAME: Final = 64  # characters of a function's name on OpenAI's chat wire, and Converse's
MAX_MESSAGES_NAME: Final = 128  # characters of a tool's name on Anthropic's wire
MAX_CHAT_ID: Final = 40  # characters of a call's id on OpenAI's chat wire
MAX_MESSAGES_ID: Final = 64  # characters of a call's id; Anthropic names no bound, Bedrock this
MAX_CHAT_USER: Final = 64  # characters of OpenAI's `user` and `safety_identifier`
MAX_MESSAGES_USER: Final = 256  # characters of Anthropic's `metadata.user_id`
_DIGEST: Final = 8  # hexadecimal characters that tell names of one request apart
_ID_DIGEST: Final = 16  # and ids of one conversation
_OTHER: Final = re.compile(r"[^a-zA-Z0-9_-]")


class ToolNames:
    """The names of one request's tools as the provider gets them, and the client's own."""

    __slots__ = ("_limit", "_own")

    def __init__(self, limit: int) -> None:
        """`limit` is the most characters that the provider takes."""
        self._limit = limit
        self._own: dict[str, str] = {}  # the provider's name → the client's, where they differ

    def fitting(self, name: str) -> str:
        """The name that the provider gets; equal names become equal ones in every request."""
        plain = _OTHER.sub("_", name)
        if plain == name and len(name) <= self._limit:
            return name
        digest = _digest(name)[:_DIGEST]
        short = f"{plain[: self._limit - _DIGEST - 1]}_{digest}"
        self._own[short] = name
        return short

    def own(self, name: str) -> str:
        """The client's name of what the provider calls `name`."""
        return self._own.get(name, name)


def fitting_id(call_id: str, limit: int) -> str:
    """A call's id within `limit` characters; unlike ids stay unlike."""
    if len(call_id) <= limit:
        return call_id
    return f"{call_id[: limit - _ID_DIGEST - 1]}_{_digest(call_id)[:_ID_DIGEST]}"


def fitting_user(user: str, limit: int) -> str:
    """A user's id within `limit` characters, at least 64: a longer one as its hash."""
    return user if len(user) <= limit else _digest(user)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
