"""A catalog in memory: read from JSON, merged with another, looked up by name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Final, cast

import msgspec

from weir_policy.catalog.entry import CatalogFile, CatalogModel, Format
from weir_policy.fields.composite import Object
from weir_policy.fields.kinds import Bad
from weir_policy.fields.mistakes import Mistake, dotted
from weir_policy.reading.checks import broken_checks

MAX_BYTES: Final = 16 << 20  # of a file; thousands of models are a few hundred kilobytes
_FILE: Final = Object(CatalogFile)
_MOST: Final = 5  # mistakes that a message names


class CatalogError(ValueError):
    """The text is no catalog; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Models by name, and each as it is written."""

    models: Mapping[str, CatalogModel] = field(default_factory=dict[str, CatalogModel])
    written: Mapping[str, object] = field(default_factory=dict[str, object])

    def merged(self, other: "Catalog") -> "Catalog":
        """Both; of a model that both have, the other's."""
        return Catalog({**self.models, **other.models}, {**self.written, **other.written})

    def to_json(self) -> bytes:
        """The catalog as a file, its models by name."""
        models = [self.written[name] for name in sorted(self.written)]
        text = json.dumps({"format": Format.FIRST, "models": models}, indent=1, ensure_ascii=False)
        return text.encode() + b"\n"


EMPTY: Final = Catalog()


def packaged() -> Catalog:
    """The catalog that comes with this version."""
    file = resources.files("weir_policy.catalog") / "models.json"
    return read_catalog(file.read_bytes())


def read_catalog(data: bytes) -> Catalog:
    """Read a file. Raises CatalogError, which names every mistake or the first few."""
    if len(data) > MAX_BYTES:
        raise CatalogError(f"it is larger than {MAX_BYTES >> 20} MiB")
    try:
        written: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CatalogError(f"it is not JSON: {error}") from error
    mistakes: list[Mistake] = []
    file = _FILE.read(written, (), mistakes)
    mistakes += list(broken_checks(_FILE, written, (), mistakes))
    if isinstance(file, Bad) or mistakes:
        raise CatalogError(_message(mistakes))
    models = cast("dict[str, list[Mapping[str, object]]]", written).get("models") or []
    return Catalog(
        {model.name: model for model in file.models},
        {str(fields["name"]): fields for fields in models},
    )


def _message(mistakes: list[Mistake]) -> str:
    lines = [
        f"{dotted(mistake.path)}: {mistake.message}" if mistake.path else mistake.message
        for mistake in mistakes[:_MOST]
    ]
    more = len(mistakes) - _MOST
    return "; ".join([*lines, f"and {more} more"] if more > 0 else lines)
