"""What an import makes: resources as YAML, and a note for each line that has no counterpart."""

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import yaml

from weir_cli.failure import Failure
from weir_cli.importing.source import Note
from weir_operator.local import compile_paths

Document = dict[str, Any]  # a resource as it is written
API: Final = "weir.dev/v1alpha1"
MAX_NAME: Final = 200  # characters, so that a number fits behind it
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")


@dataclass(slots=True)
class Imported:
    """The resources, and what the user should know."""

    origin: Path
    backends: list[Document] = field(default_factory=list[Document])
    policies: list[Document] = field(default_factory=list[Document])
    notes: list[Note] = field(default_factory=list[Note])

    @property
    def environment(self) -> tuple[str, ...]:
        """The environment variables that hold the backends' keys."""
        auths = [b["spec"].get("auth", {}) for b in self.backends]
        auths += [e.get("auth", {}) for b in self.backends for e in b["spec"].get("endpoints", ())]
        return tuple(dict.fromkeys(auth["env"] for auth in auths if "env" in auth))

    @property
    def yaml(self) -> str:
        """All resources, backends first."""
        return yaml.safe_dump_all(
            [*self.backends, *self.policies], sort_keys=False, width=100, allow_unicode=True
        )


def resource(kind: str, name: str, spec: Document) -> Document:
    """A resource as it is written; empty values are left out."""
    written = {key: value for key, value in spec.items() if value not in (None, "", [], {})}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": written}


def resource_name(text: str, taken: Sequence[str]) -> str:
    """`text` as a resource's name that isn't among `taken`."""
    base = _NOT_IN_NAMES.sub("-", text.lower())[:MAX_NAME].strip("-") or "model"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def finish(imported: Imported, out: Path | None, *, as_json: bool) -> None:
    """Check what was made, write or print it, and report the notes.

    Raises Failure where `out` can't be written, or nothing could be imported.
    """
    if not imported.policies:
        _report(imported, out, as_json=as_json)
        raise Failure(f"{imported.origin} has nothing that Weir can serve.")
    mistakes = _mistakes(imported)
    if out is not None:
        _write(imported, out)
    elif not as_json:
        click.echo(imported.yaml, nl=False)
    _report(imported, out, as_json=as_json)
    if mistakes:
        listed = "\n".join(f"  {mistake}" for mistake in mistakes)
        raise Failure(f"what was imported has mistakes to mend:\n{listed}")


def _mistakes(imported: Imported) -> tuple[str, ...]:
    """What `weir policy check` says of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "imported.yaml"
        file.write_text(imported.yaml, encoding="utf-8")
        compiled = compile_paths([file])
    return tuple(f"{mistake.path}: {mistake.message}" for mistake in compiled.mistakes)


def _write(imported: Imported, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, documents in (
            ("backends.yaml", imported.backends),
            ("policies.yaml", imported.policies),
        ):
            file = out / name
            if file.exists():
                raise Failure(f"{file} exists.", hint="Name an empty folder with --out.")
            file.write_text(yaml.safe_dump_all(documents, sort_keys=False, width=100), "utf-8")
    except OSError as error:
        raise Failure(f"{out} can't be written: {error.strerror}") from error


def _report(imported: Imported, out: Path | None, *, as_json: bool) -> None:
    notes = sorted(imported.notes)
    if as_json:
        report = {
            "backends": imported.backends,
            "policies": imported.policies,
            "environment": imported.environment,
            "notes": [asdict(note) for note in notes],
        }
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
        return
    for note in notes:
        place = f"{imported.origin}:{note.line}: " if note.line else ""
        click.echo(f"{place}{note.path}: {note.text}", err=True)
    counts = f"{len(imported.policies)} policies, {len(imported.backends)} backends"
    click.echo(f"weir: imported {counts}; {len(notes)} notes", err=True)
    if imported.environment:
        click.echo(f"  set the keys: {', '.join(imported.environment)}", err=True)
    if out is not None:
        click.echo(f"  next: weir policy check -f {out} && weir up -f {out}", err=True)
    sys.stderr.flush()
