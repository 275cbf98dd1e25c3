"""Sessions of coding agents as they were sent, one file each: headers, and the last turn's body.

Texts, ids, paths and descriptions are replaced; fields, types and names of tools are the agents'.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as the client knows it."""

    name: str
    kind: str = "function"
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One agent's session."""

    name: str
    client: str  # and its version
    path: str
    headers: tuple[tuple[str, str], ...]
    body: Json

    @property
    def _history(self) -> str:
        return "input" if "input" in self.body else "messages"

    def turns(self) -> Iterator[Json]:
        """The body of each request: the history up to what a user or a tool said last."""
        history: list[Json] = self.body[self._history]
        for end in range(1, len(history) + 1):
            after = history[end] if end < len(history) else None
            if _asks(history[end - 1]) and (after is None or not _asks(after)):
                yield {**self.body, self._history: history[:end]}

    def tools(self) -> list[Tool]:
        """All tools that the client runs itself."""
        listed: list[Json] = list(self.body.get("tools", ()))
        for item in self.body.get("input", ()):
            listed += item.get("tools", ())
        return [tool for each in listed for tool in _tools(each)]


def _asks(entry: Json) -> bool:
    if entry.get("type", "message") != "message":
        return str(entry["type"]).endswith("_output")
    return entry["role"] == "user"


def _tools(listed: Json) -> Iterator[Tool]:
    kind = listed.get("type", "function")
    if kind == "namespace":
        for inner in listed["tools"]:
            yield Tool(inner["name"], inner["type"], listed["name"])
    elif kind in {"function", "custom"}:
        yield Tool(listed["name"], kind)
    elif kind == "tool_search":
        yield Tool(kind, kind)


def _session(file: Path) -> Session:
    read: Json = json.loads(file.read_text())
    headers = tuple((name, value) for name, value in read["headers"])
    return Session(file.stem, read["client"], read["path"], headers, read["body"])


SESSIONS = tuple(_session(file) for file in sorted(_FOLDER.glob("*.json")))
