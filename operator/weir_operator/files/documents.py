"""YAML text to plain documents that remember the line of every value.

Built from the parser's events rather than its nodes: nesting is bounded here (a deep document would
overflow the C composer's stack), keys written twice are seen, and an alias is no copy.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from weir_policy.fields.mistakes import Mistake, Path

DEPTH = 32  # the deepest resource has 7
_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"})
_TAGS = _TEXT_TAGS | {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}


@dataclass(slots=True)
class Document:
    """One YAML document: plain values, the line (1-based) of each path, what is wrong as YAML."""

    line: int
    value: object = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    mistakes: list[Mistake] = field(default_factory=list[Mistake])

    def line_of(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)


@dataclass(frozen=True, slots=True)
class Broken(Exception):
    """The text stops being YAML at this line."""

    line: int
    message: str


def documents(text: str) -> Iterator[Document]:
    """Every document that isn't empty. Raises Broken where the text stops being YAML."""
    events = yaml.parse(text, _Loader)
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                document = _Builder(events).build()
                if document.value is not None:
                    yield document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        parts = [part for part in (error.context, error.problem) if part]
        raise Broken(mark.line + 1 if mark else 1, "is not YAML: " + ", ".join(parts)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Broken(line, f"is not YAML: {error.reason}") from None


class _Builder:
    """Builds one document from the events that follow its start."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, object] = {}
        self._resolver: Any = yaml.resolver.Resolver()  # untyped in its stubs
        self._constructor: Any = yaml.constructor.SafeConstructor()
        self._document = Document(line=1)

    def build(self) -> Document:
        event = next(self._events)
        self._document.line = _line(event)
        self._document.value = self._value(event, ())
        return self._document

    def _value(self, event: yaml.Event, at: Path) -> object:
        if len(at) > DEPTH:
            raise Broken(_line(event), f"is nested more than {DEPTH} levels deep")
        self._document.lines.setdefault(at, _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, at)
        if isinstance(event, yaml.MappingStartEvent):
            value: object = self._mapping(at)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(at)
        else:
            value = self._scalar(cast("yaml.ScalarEvent", event), at)
        anchor = cast("yaml.NodeEvent", event).anchor
        if anchor is not None:
            self._anchors[anchor] = value
        return value

    def _aliased(self, event: yaml.AliasEvent, at: Path) -> object:
        if event.anchor not in self._anchors:
            self._document.mistakes.append(Mistake(at, f"there is no anchor &{event.anchor} above"))
            return None
        return self._anchors[event.anchor]

    def _sequence(self, at: Path) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*at, len(items))))
        return items

    def _mapping(self, at: Path) -> dict[object, object]:
        mapping: dict[object, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, at)
            where = (*at, key)
            if key in mapping:
                line = self._document.lines[where]
                message = f"is written twice, first on line {line}"
                self._document.lines[where] = _line(event)
                self._document.mistakes.append(Mistake(where, message, "remove one of the two"))
            self._document.lines.setdefault(where, _line(event))
            mapping[key] = self._value(next(self._events), where)
        return mapping

    def _key(self, event: yaml.Event, at: Path) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise Broken(_line(event), "has a key that is not plain text")
        if event.value == "<<" and event.implicit[0]:
            hint = "write the fields out, or use an alias for a whole value"
            self._document.mistakes.append(Mistake(at, "merge keys (<<) are not read", hint))
        return str(event.value)

    def _scalar(self, event: yaml.ScalarEvent, at: Path) -> object:
        tag = event.tag
        if tag is None or tag == "!":
            tag = cast("str", self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit))
        if tag not in _TAGS:
            self._document.mistakes.append(
                Mistake(at, f"has the YAML tag {tag}, which is not read")
            )
            return None
        if tag in _TEXT_TAGS:
            return event.value
        try:
            return cast(
                "object", self._constructor.construct_object(yaml.ScalarNode(tag, event.value))
            )
        except (ValueError, yaml.YAMLError):
            return event.value


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
