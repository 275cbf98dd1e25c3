"""Content blocks in Anthropic's form as Converse's.

Both wires have the same blocks under other names; Converse bounds ids and names, wants a text
beside each document, and unlike names of all documents of a request.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from weir_wires.errors import NotCarried
from weir_wires.usage.counts import as_object

Block = dict[str, Any]

MAX_ID: Final = 64  # characters of a tool use's id
_NOT_IN_ID: Final = re.compile(r"[^a-zA-Z0-9_.:-]")
_NOT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9\s\-()\[\]]")
_SPACES: Final = re.compile(r"\s+")
_MAX_NAME: Final = 180  # characters of a document's name, of 200: a number may follow
_NO_OUTPUT: Final = "(no output)"  # of a tool: an empty text is refused
_A_DOCUMENT: Final = "A document:"  # before one that no text precedes
_IMAGES: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}


class Blocks:
    """Converts the blocks of one request, first to last."""

    def __init__(self, *, cache_points: bool) -> None:
        """`cache_points`: whether the model takes them."""
        self.dropped: dict[str, None] = {}
        self._cache_points = cache_points
        self._names: set[str] = set()  # of documents so far
        self._writers: dict[str, Callable[[Block, str], list[Block]]] = {
            "text": self._text,
            "image": _image,
            "document": self._document,
            "tool_use": self._use,
            "tool_result": self._result,
            "thinking": self._thinking,
            "redacted_thinking": self._thinking,
        }

    def system(self, blocks: Iterable[Block]) -> list[Block]:
        """The system prompt."""
        converted = ([{"text": block["text"]}, *self.cache_point(block)] for block in blocks)
        return [block for group in converted for block in group]

    def turns(self, turns: Sequence[Block]) -> list[Block]:
        """All turns. Raises NotCarried for a block with no place."""
        return [
            {"role": turn["role"], "content": self._turn(turn["content"], f"messages[{index}]")}
            for index, turn in enumerate(turns)
        ]

    def tool(self, tool: Block) -> list[Block]:
        """A tool offered, and a cache point after it where it is marked."""
        spec: Block = {"name": tool["name"]}
        spec |= {"description": tool["description"]} if tool.get("description") else {}
        spec["inputSchema"] = {"json": _schema(tool["input_schema"])}
        spec |= {"strict": True} if tool.get("strict") else {}
        return [{"toolSpec": spec}, *self.cache_point(tool)]

    def cache_point(self, block: Mapping[str, Any]) -> list[Block]:
        """The cache point after a block that is marked; nothing where it isn't."""
        control = block.get("cache_control")
        if control is None:
            return []
        if not self._cache_points:
            self.dropped["cache_control"] = None
            return []
        fields: Any = msgspec.json.decode(control) if isinstance(control, msgspec.Raw) else control
        long = as_object(fields).get("ttl") == "1h"
        return [{"cachePoint": {"type": "default", **({"ttl": "1h"} if long else {})}}]

    def _turn(self, content: str | Sequence[Block], at: str) -> list[Block]:
        if isinstance(content, str):
            return [{"text": content}]
        blocks: list[Block] = []
        spoken = False
        for index, block in enumerate(content):
            if block["type"] == "document" and not spoken:
                blocks.append({"text": _A_DOCUMENT})
            spoken = spoken or block["type"] in {"document", "text"}
            blocks += self._block(block, f"{at}.content[{index}]")
            blocks += self.cache_point(block)
        return blocks

    def _block(self, block: Block, at: str) -> list[Block]:
        write = self._writers.get(block["type"])
        if write is None:
            raise NotCarried(
                f"`{at}`: a block of type {block['type']!r} can't be carried", param=at
            )
        return write(block, at)

    def _text(self, block: Block, at: str) -> list[Block]:
        del at
        return [{"text": block["text"]}] if block["text"].strip() else []

    def _use(self, block: Block, at: str) -> list[Block]:
        del at
        use = {"toolUseId": own_id(block["id"]), "name": block["name"], "input": block["input"]}
        return [{"toolUse": use}]

    def _thinking(self, block: Block, at: str) -> list[Block]:
        del at
        if block["type"] == "redacted_thinking":
            return [{"reasoningContent": {"redactedContent": block["data"]}}]
        text = {"text": block["thinking"], "signature": block["signature"]}
        return [{"reasoningContent": {"reasoningText": text}}]

    def _result(self, block: Block, at: str) -> list[Block]:
        content: str | list[Block] = block.get("content") or ""
        inner = self._turn(content, at) if content else []
        shown = [part for part in inner if "cachePoint" not in part]
        result: Block = {"toolUseId": own_id(block["tool_use_id"])}
        result["content"] = shown or [{"text": _NO_OUTPUT}]
        result |= {"status": "error"} if block.get("is_error") else {}
        return [{"toolResult": result}]

    def _document(self, block: Block, at: str) -> list[Block]:
        source = block["source"]
        kind, media = source["type"], source.get("media_type", "")
        if kind not in {"base64", "text"} or media not in DOCUMENTS:
            raise NotCarried(
                f"`{at}`: a document must be base64 or text of type {', '.join(DOCUMENTS)}",
                param=at,
            )
        data = source["data"]
        if kind == "text":
            data = base64.b64encode(data.encode()).decode()
        name = self._name(block.get("title") or "")
        document = {"format": DOCUMENTS[media], "name": name, "source": {"bytes": data}}
        return [{"document": document}]

    def _name(self, title: str) -> str:
        plain = _SPACES.sub(" ", _NOT_IN_NAME.sub(" ", title)).strip()[:_MAX_NAME] or "document"
        name, count = plain, 1
        while name in self._names:
            count += 1
            name = f"{plain} ({count})"
        self._names.add(name)
        return name


def own_id(client_id: str) -> str:
    """An id that Converse takes; equal ids give equal ones, and unlike ids unlike ones."""
    plain = _NOT_IN_ID.sub("_", client_id)
    if plain == client_id and 0 < len(plain) <= MAX_ID:
        return plain
    digest = hashlib.sha256(client_id.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{plain[: MAX_ID - 17]}_{digest}"


def _image(block: Block, at: str) -> list[Block]:
    source = block["source"]
    if source["type"] != "base64":
        raise NotCarried(f"`{at}`: Bedrock loads no images by URL: send its data", param=at)
    if source["media_type"] not in _IMAGES:
        raise NotCarried(f"`{at}`: images must be one of {', '.join(_IMAGES)}", param=at)
    format_ = _IMAGES[source["media_type"]]
    return [{"image": {"format": format_, "source": {"bytes": source["data"]}}}]


def _schema(schema: Any) -> Any:
    """A tool's schema; Converse wants its type to be written."""
    fields: Any = msgspec.json.decode(schema) if isinstance(schema, msgspec.Raw) else schema
    if "type" in as_object(fields):
        return schema
    return {"type": "object", **as_object(fields)}
