"""Names of tools within what Gemini takes, and the client's own names for the way back."""

import hashlib
import re
from typing import Final

MAX_NAME: Final = 64  # characters
_FITS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_OTHER: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_HASH: Final = 8  # characters that tell apart names which would become the same


class ToolNames:
    """The names of one request; equal names become equal ones in every request."""

    def __init__(self) -> None:
        self._own: dict[str, str] = {}  # Gemini's name → the client's, where they differ

    def fitting(self, name: str) -> str:
        """The name that Gemini gets."""
        if _FITS.fullmatch(name):
            return name
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
        plain = _OTHER.sub("_", name)
        short = f"_{plain}"[: MAX_NAME - _HASH - 1] + f"_{digest}"
        self._own[short] = name
        return short

    def own(self, name: str) -> str:
        """The client's name of what Gemini calls `name`."""
        return self._own.get(name, name)
