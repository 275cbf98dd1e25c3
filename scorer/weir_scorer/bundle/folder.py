"""A bundle's folder: every listed file is there and unaltered, and there are no others.

Each read checks the file again, so that a file that changed since is never used.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.manifest import FILE_NAME, BadManifest, FileEntry, Manifest, parse_manifest

_DIGEST_SHOWN = 12  # hex digits in a version


@dataclass(frozen=True, slots=True)
class Folder:
    """An open bundle folder and its manifest."""

    path: Path
    manifest: Manifest
    version: str  # name@digest of the manifest, and so of every file

    @classmethod
    def open(cls, path: Path) -> "Folder":
        """Read the manifest only. Raises BundleError."""
        at = path / FILE_NAME
        try:
            data = at.read_bytes()
        except OSError as error:
            raise BundleError(
                at, f"cannot be read ({error.strerror})", hint=_build_hint(path)
            ) from error
        try:
            manifest = parse_manifest(data)
        except BadManifest as error:
            raise BundleError(at, str(error)) from error
        digest = hashlib.sha256(data).hexdigest()[:_DIGEST_SHOWN]
        return cls(path, manifest, f"{manifest.name}@{digest}")

    def verify(self) -> None:
        """Check every file's size and sha256. Raises BundleError for the first that is wrong."""
        for name, entry in self.manifest.files.items():
            at = self.path / name
            try:
                with at.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise BundleError(at, f"cannot be read ({error.strerror})") from error
            _compare(at, entry, size, digest)
        self._refuse_unlisted()

    def read(self, name: str) -> bytes:
        """A listed file's bytes. Raises BundleError when they are not those that were listed."""
        at = self.path / name
        try:
            data = at.read_bytes()
        except OSError as error:
            raise BundleError(at, f"cannot be read ({error.strerror})") from error
        _compare(at, self.manifest.files[name], len(data), hashlib.sha256(data).hexdigest())
        return data

    def _refuse_unlisted(self) -> None:
        listed = {*self.manifest.files, FILE_NAME}
        for at in sorted(self.path.rglob("*")):
            if not at.is_dir() and at.relative_to(self.path).as_posix() not in listed:
                raise BundleError(
                    at, f"is not listed in {FILE_NAME}", hint="remove it, or build the bundle again"
                )


def _compare(at: Path, entry: FileEntry, size: int, digest: str) -> None:
    if size != entry.bytes:
        raise BundleError(at, f"has {size} bytes, {entry.bytes} were listed")
    if not hmac.compare_digest(digest, entry.sha256):
        raise BundleError(at, "was altered: its sha256 is not the listed one")


def _build_hint(path: Path) -> str:
    return f"is {path} a bundle? build one: weir bundle build --out {path}"
