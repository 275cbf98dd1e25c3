"""Files and folders to resources; every mistake with its file and line.

One bad file spoils no other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import cast

from weir_operator.files import documents as yaml_documents
from weir_operator.files.documents import Broken, Document
from weir_policy.fields.mistakes import Mistake, Path, dotted
from weir_policy.reading.parse import parse
from weir_policy.reading.resources import Invalid, Resource, ResourceRef, Resources, gather

FILE_BYTES = 8 * 1024 * 1024  # thousands of resources; more is a mistake in what was named
SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True, order=True)
class FileMistake:
    """One mistake: where, what, what to write instead. Line 0 is the file as a whole."""

    file: str
    line: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`FILE:LINE: PATH: MESSAGE; HINT`, as editors understand it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place, *([self.path] if self.path else []), self.message]
        return ": ".join(parts) + (f"; {self.hint}" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a resource was written."""

    file: str
    document: Document = field(repr=False)
    prefix: Path = ()  # of an item of a List

    def mistake(self, path: Path, message: str, hint: str = "") -> FileMistake:
        """A mistake at `path` of the resource."""
        full = (*self.prefix, *path)
        return FileMistake(self.file, self.document.line_of(full), dotted(full), message, hint)


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """All that was read. What has mistakes and a name is among `resources.invalid`."""

    resources: Resources
    origins: dict[ResourceRef, Origin]
    mistakes: tuple[FileMistake, ...]  # by file and line


def load(paths: Iterable[FilePath], documents: Iterable[object] = ()) -> LoadedFiles:
    """Read files, and the *.yaml and *.yml of folders (not of folders in them). Never raises.

    `documents` are resources in memory, as their YAML reads; mistakes name them by their number.
    """
    loading = _Loading()
    for file in _files(paths, loading.mistakes):
        loading.read(file)
    for number, value in enumerate(documents, 1):
        loading.read_document(f"object {number}", Document(line=0, value=value))
    return LoadedFiles(
        gather(loading.resources.values(), loading.invalid.values()),
        loading.origins,
        tuple(sorted(loading.mistakes)),
    )


def _files(paths: Iterable[FilePath], mistakes: list[FileMistake]) -> Iterator[FilePath]:
    seen: set[FilePath] = set()
    for path in paths:
        for file in _expand(path, mistakes):
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _expand(path: FilePath, mistakes: list[FileMistake]) -> list[FilePath]:
    try:
        if not path.is_dir():
            return [path]
        found = [p for p in path.iterdir() if p.suffix in SUFFIXES and not p.name.startswith(".")]
    except OSError as error:
        mistakes.append(FileMistake(str(path), 0, "", f"cannot be read: {error.strerror}"))
        return []
    if not found:
        hint = "name a file, or put *.yaml files into the folder"
        mistakes.append(FileMistake(str(path), 0, "", "holds no *.yaml or *.yml", hint))
    return sorted(found)


class _Loading:
    """What was read so far."""

    def __init__(self) -> None:
        self.resources: dict[ResourceRef, Resource] = {}
        self.invalid: dict[ResourceRef, Invalid] = {}
        self.origins: dict[ResourceRef, Origin] = {}
        self.mistakes: list[FileMistake] = []

    def read(self, file: FilePath) -> None:
        """Read one file; whatever stands before a break in its YAML counts."""
        text = self._text(file)
        if text is None:
            return
        empty = True
        try:
            for document in yaml_documents.documents(text):
                empty = False
                self.read_document(str(file), document)
        except Broken as broken:
            self.mistakes.append(FileMistake(str(file), broken.line, "", broken.message))
        else:
            if empty:
                self.mistakes.append(FileMistake(str(file), 0, "", "is empty", "write a resource"))

    def _text(self, file: FilePath) -> str | None:
        try:
            with file.open("rb") as stream:
                data = stream.read(FILE_BYTES + 1)
            if len(data) > FILE_BYTES:
                self.mistakes.append(FileMistake(str(file), 0, "", "is larger than 8 MiB"))
                return None
            return data.decode("utf-8-sig")
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            self.mistakes.append(FileMistake(str(file), 0, "", message))
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            self.mistakes.append(FileMistake(str(file), line, "", "is not UTF-8"))
        return None

    def read_document(self, file: str, document: Document) -> None:
        """Read one document, which may be a List of resources."""
        whole = Origin(file, document)
        for mistake in document.mistakes:
            self.mistakes.append(whole.mistake(mistake.path, mistake.message, mistake.hint))
        items = _items(document.value)
        if items is None:
            self._resource(document.value, whole)
        for index, item in enumerate(items or ()):
            self._resource(item, Origin(file, document, ("items", index)))

    def _resource(self, value: object, origin: Origin) -> None:
        parsed = parse(value)
        for mistake in parsed.mistakes:
            self.mistakes.append(origin.mistake(mistake.path, mistake.message, mistake.hint))
        if parsed.meta is None:
            return
        ref = parsed.meta.ref
        if ref in self.origins:
            first = self.origins[ref].mistake((), "")
            message = f"{ref} is written twice, first in {first.file}:{first.line}"
            self.mistakes.append(
                origin.mistake(("metadata", "name"), message, "remove one, or name it differently")
            )
            return
        self.origins[ref] = origin
        if parsed.resource is not None and not origin.document.mistakes:
            self.resources[ref] = parsed.resource
        else:
            mistakes = parsed.mistakes or (Mistake((), "is not written properly"),)
            self.invalid[ref] = Invalid(parsed.meta, mistakes, parsed.partial)


def _items(value: object) -> list[object] | None:
    """The items of a `kind: List`; None for any other document."""
    if not isinstance(value, dict):
        return None
    wire = cast("dict[object, object]", value)
    items = wire.get("items")
    return (
        cast("list[object]", items)
        if wire.get("kind") == "List" and isinstance(items, list)
        else None
    )
