"""Writes a bundle's folder: first beside its place, then checked, then moved there whole.

The same parts give the same bytes and so the same version.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weir_scorer.bundle.errors import BuildError
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.manifest import FILE_NAME, FileEntry, Manifest, RouterEntry
from weir_scorer.engine.blocks import Block

TOKENIZER = "tokenizer.json"
CALIBRATION = "calibration.json"
CARD = "card.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that goes into a bundle."""

    name: str
    max_chars: int
    max_tokens: int
    blocks: tuple[Block, ...]
    routers: tuple[RouterEntry, ...]
    default_router: str
    profiles: tuple[str, ...]
    files: Mapping[str, bytes]  # path in the bundle -> content, TOKENIZER and the like included
    reading: int = 1  # version of the way in which texts are read


def write_bundle(parts: Parts, out: Path) -> str:
    """Write the bundle to `out`, in place of an older bundle there, and return its version.

    Raises BuildError when `out` holds something that is not a bundle or cannot be written.
    """
    refuse_to_overwrite(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise BuildError(f"{out.parent} cannot be written ({error.strerror})") from error
    try:
        fresh = temporary / "bundle"
        _write(parts, fresh)
        folder = Folder.open(fresh)
        folder.verify()
        _move_into_place(fresh, out, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder.version


def _write(parts: Parts, folder: Path) -> None:
    for path, content in parts.files.items():
        at = folder / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content)
    (folder / FILE_NAME).write_bytes(_manifest(parts).to_json())


def _manifest(parts: Parts) -> Manifest:
    return Manifest(
        name=parts.name,
        max_chars=parts.max_chars,
        max_tokens=parts.max_tokens,
        tokenizer=TOKENIZER,
        blocks={block.name: block for block in parts.blocks},
        routers={router.name: router for router in parts.routers},
        default_router=parts.default_router,
        profiles=parts.profiles,
        calibration=CALIBRATION,
        card=CARD,
        files={
            path: FileEntry(hashlib.sha256(content).hexdigest(), len(content))
            for path, content in parts.files.items()
        },
        reading=parts.reading,
    )


def refuse_to_overwrite(out: Path) -> None:
    """Raises BuildError when `out` holds something else than a bundle."""
    if not out.exists() or (out / FILE_NAME).is_file():
        return
    if not out.is_dir() or any(out.iterdir()):
        raise BuildError(f"{out} exists and is not a bundle: choose another --out, or remove it")


def _move_into_place(fresh: Path, out: Path, temporary: Path) -> None:
    """Two renames: a reader of `out` in between finds nothing, never half a bundle."""
    if out.exists():
        os.replace(out, temporary / "old")  # noqa: PTH105 - pathlib's replace, named by the OS call
    os.replace(fresh, out)  # noqa: PTH105 - as above
