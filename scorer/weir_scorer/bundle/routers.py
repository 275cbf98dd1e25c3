"""A manifest's routers, read from their head files and matched with their blocks.

A head that does not match is refused with its file and what to do.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.manifest import FILE_NAME, RouterEntry
from weir_scorer.engine.familiarity import Familiarity
from weir_scorer.engine.onnx import Router
from weir_scorer.engine.routers import (
    ENSEMBLE,
    ROUTERS,
    Arrays,
    BadHead,
    Ensemble,
    Head,
    Member,
    Qualities,
)
from weir_scorer.engine.routers.head import Integers

_Loaded = TypeVar("_Loaded")


class RouterReader:
    """Reads each head file once, also where routers share it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._manifest = folder.manifest
        self._heads: dict[str, Head] = {}
        self._qualities: dict[str, Qualities] = {}
        self._familiarities: dict[str, Familiarity] = {}

    def read(self) -> Mapping[str, Router]:
        """Every router by name. Raises BundleError."""
        return {name: self._router(entry) for name, entry in self._manifest.routers.items()}

    def _router(self, entry: RouterEntry) -> Router:
        blocks = tuple(self._manifest.blocks[block] for block in entry.blocks)
        router = Router(blocks, self._head(entry), self._predictor(entry), self._familiarity(entry))
        if router.predictor.profiles not in {0, len(self._manifest.profiles)}:
            raise BundleError(
                self._at(entry.qualities or entry.head),
                f"router {entry.name!r} predicts {router.predictor.profiles} qualities for"
                f" {len(self._manifest.profiles)} profiles",
                hint="join models with weir profile, which writes both, or build it again",
            )
        return router

    def _head(self, entry: RouterEntry) -> Head:
        if entry.name not in self._heads:
            head = self._load_head(entry)
            if head.dim != self._width(entry):
                raise BundleError(
                    self._at(entry.head),
                    f"router {entry.name!r} reads {head.dim} columns, its blocks have"
                    f" {self._width(entry)}: it was trained for another encoder or other blocks",
                )
            self._heads[entry.name] = head
        return self._heads[entry.name]

    def _load_head(self, entry: RouterEntry) -> Head:
        if entry.kind == ENSEMBLE:
            members = [self._member(entry, self._manifest.routers[name]) for name in entry.members]
            return self._load(
                entry, entry.head, lambda arrays: Ensemble(arrays, members, self._width(entry))
            )
        if entry.kind not in ROUTERS:
            raise BundleError(
                self._at(entry.head),
                f"router {entry.name!r} is of kind {entry.kind!r}; known:"
                f" {', '.join([*ROUTERS, ENSEMBLE])}",
            )
        return self._load(entry, entry.head, ROUTERS[entry.kind])

    def _member(self, entry: RouterEntry, member: RouterEntry) -> Member:
        return Member(self._head(member), self._columns(entry, member))

    def _columns(self, entry: RouterEntry, member: RouterEntry) -> Integers:
        """Where the member's columns lie among the ensemble's."""
        starts: dict[str, int] = {}
        for block in entry.blocks:
            starts[block] = sum(self._manifest.blocks[before].dim for before in starts)
        return np.concatenate(
            [
                np.arange(starts[block], starts[block] + self._manifest.blocks[block].dim)
                for block in member.blocks
            ]
        ).astype(np.intp)

    def _predictor(self, entry: RouterEntry) -> Qualities | None:
        path = entry.qualities
        if path is None:
            return None
        if path not in self._qualities:
            self._qualities[path] = self._load(entry, path, Qualities)
        self._check_width(entry, path, self._qualities[path].dim)
        return self._qualities[path]

    def _familiarity(self, entry: RouterEntry) -> Familiarity | None:
        path = entry.familiarity
        if path is None:
            return None
        if path not in self._familiarities:
            self._familiarities[path] = self._load(entry, path, Familiarity)
        self._check_width(entry, path, self._familiarities[path].dim)
        return self._familiarities[path]

    def _check_width(self, entry: RouterEntry, path: str, columns: int) -> None:
        if columns != self._width(entry):
            raise BundleError(
                self._at(path),
                f"reads {columns} columns, the blocks of router {entry.name!r} have"
                f" {self._width(entry)}: it was trained for another encoder or other blocks",
            )

    def _width(self, entry: RouterEntry) -> int:
        return sum(self._manifest.blocks[block].dim for block in entry.blocks)

    def _at(self, path: str | None) -> Path:
        return self._folder.path / (path or FILE_NAME)

    def _load(
        self, entry: RouterEntry, path: str | None, make: Callable[[Arrays], _Loaded]
    ) -> _Loaded:
        try:
            return make(self._arrays(path))
        except (BadHead, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise BundleError(self._at(path), f"router {entry.name!r}: {error}") from error

    def _arrays(self, path: str | None) -> Mapping[str, NDArray[np.generic]]:
        if path is None:
            return {}
        archive: object = np.load(io.BytesIO(self._folder.read(path)), allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise BadHead("not an .npz archive of named arrays")
        return dict(cast("Mapping[str, NDArray[np.generic]]", archive))
