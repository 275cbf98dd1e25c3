"""A configuration file that is read field by field; what nothing reads is told with its line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Final, cast

from weir_cli.failure import Failure
from weir_operator.files.documents import Broken, Document, documents
from weir_policy.fields.mistakes import Path

MAX_FILE: Final = 16 << 20  # bytes; a configuration is a few kilobytes
SECTIONS: Final = 1  # levels of mappings that only group fields


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One line of a configuration and what became of it."""

    line: int
    path: str
    text: str


@dataclass(slots=True)
class Source:
    """One YAML document, which of its fields were read, and the notes on it."""

    document: Document
    notes: list[Note] = field(default_factory=list[Note])
    _read: set[Path] = field(default_factory=set[Path])

    @classmethod
    def open(cls, file: File) -> "Source":
        """The first document of `file`. Raises Failure where there is none."""
        try:
            with file.open("rb") as opened:
                text = opened.read(MAX_FILE + 1)
            if len(text) > MAX_FILE:
                raise Failure(f"{file} is over {MAX_FILE >> 20} MiB: it is no configuration.")
            document = next(documents(text.decode()), Document(line=1))
        except OSError as error:
            raise Failure(f"{file} can't be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise Failure(f"{file} is not UTF-8.") from error
        except Broken as error:
            raise Failure(f"{file}:{error.line}: {error.message}") from error
        return cls(document)

    @property
    def root(self) -> "Section":
        """The document as a mapping."""
        return Section(self, (), _mapping(self.document.value))

    def note(self, path: Path, text: str) -> None:
        """Say what became of the field at `path`, and count it as read."""
        self._read.add(path)
        self.remark(path, text)

    def remark(self, path: Path, text: str) -> None:
        """Say something about the field at `path`, which doesn't count as read."""
        self.notes.append(Note(self.document.line_of(path), dotted(path), text))

    def mark(self, path: Path) -> None:
        """Count the field at `path`, and all that is in it, as read."""
        self._read.add(path)

    def unread(self) -> Iterator[Path]:
        """The outermost fields that nothing has read a part of."""
        yield from self._unread((), self.document.value)

    def _unread(self, path: Path, value: object) -> Iterator[Path]:
        if path in self._read:
            return
        begun = any(read[: len(path)] == path for read in self._read)
        if not begun and not _groups_fields(path, value):
            yield path
            return
        for key, inner in _children(value):
            yield from self._unread((*path, key), inner)


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping of the configuration."""

    source: Source
    path: Path
    fields: Mapping[str, object]

    def take(self, name: str) -> object:
        """The field's value; None where it isn't written. It counts as read."""
        if name not in self.fields:
            return None
        self.source.mark((*self.path, name))
        return self.fields[name]

    def text(self, name: str) -> str:
        """The field as text; empty where it isn't text or a number."""
        value = self.take(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        return str(value)

    def number(self, name: str) -> float | None:
        """The field as a number; None where it is none. `1e-06` in quotes is one, too."""
        try:
            return float(self.text(name) or "x")
        except ValueError:
            return None

    def section(self, name: str) -> "Section":
        """The mapping at `name`; empty where there is none."""
        return Section(self.source, (*self.path, name), _mapping(self.fields.get(name)))

    def items(self, name: str) -> Iterator["Section"]:
        """The mappings in the list at `name`."""
        for index, value in enumerate(_list(self.fields.get(name))):
            yield Section(self.source, (*self.path, name, index), _mapping(value))

    def note(self, name: str, text: str) -> None:
        """Say what became of the field `name`."""
        self.source.note((*self.path, name), text)

    def leave_out(self, text: str) -> None:
        """Say why the whole section is left out."""
        self.source.note(self.path, f"left out: {text}")

    def remark(self, text: str) -> None:
        """Say something about the section; its fields are still to be read."""
        self.source.remark(self.path, text)


def dotted(path: Path) -> str:
    """`model_list[0].litellm_params.model`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _groups_fields(path: Path, value: object) -> bool:
    return len(path) <= SECTIONS and isinstance(value, dict)


def _children(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, dict):
        for key, inner in cast("dict[object, object]", value).items():
            yield (key if isinstance(key, str | int) else str(key)), inner
    elif isinstance(value, list):
        yield from enumerate(cast("list[object]", value))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        return {}
    return {str(key): inner for key, inner in cast("dict[object, object]", value).items()}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
