"""bundle.json: a bundle's contents as frozen values; parsed strictly, written canonically.

Raw mappings stop here.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import cast

from weir_scorer.engine.blocks import Block, EncoderBlock, TextBlock
from weir_scorer.features.reading import VERSIONS

FORMAT = 1
FILE_NAME = "bundle.json"
ENCODER = "encoder"

Json = object  # whatever json.loads gives


class BadManifest(ValueError):
    """The manifest is invalid; the message names the field."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the bundle."""

    sha256: str  # 64 hex digits
    bytes: int


@dataclass(frozen=True, slots=True)
class RouterEntry:
    """One router: which arithmetic, over which blocks, with which weights."""

    name: str
    kind: str
    blocks: tuple[str, ...]
    head: str | None  # path of its .npz; None where the kind has no weights
    members: tuple[str, ...] = ()  # of an ensemble: other routers, none of them an ensemble
    qualities: str | None = None  # path of the .npz that predicts qualities from the same blocks
    familiarity: str | None = None  # path of the .npz that tells how well a text's kind is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A bundle's table of contents."""

    name: str
    max_chars: int  # of a text that are read
    max_tokens: int  # of a text that encoders read
    tokenizer: str  # path
    blocks: Mapping[str, Block]
    routers: Mapping[str, RouterEntry]
    default_router: str
    profiles: tuple[str, ...]
    calibration: str  # path
    card: str  # path
    files: Mapping[str, FileEntry]
    reading: int = 1  # version of the way in which texts are read

    def to_json(self) -> bytes:
        """The file's bytes: the same manifest always gives the same ones."""
        document = {
            "format": FORMAT,
            "name": self.name,
            "max_chars": self.max_chars,
            "max_tokens": self.max_tokens,
            "tokenizer": self.tokenizer,
            "blocks": {name: _block_json(block) for name, block in self.blocks.items()},
            "routers": {name: _router_json(entry) for name, entry in self.routers.items()},
            "default_router": self.default_router,
            "profiles": list(self.profiles),
            "calibration": self.calibration,
            "card": self.card,
            "files": {path: asdict(entry) for path, entry in sorted(self.files.items())},
        }
        if self.reading != 1:  # left out of a bundle that reads as all did: its version stays
            document["reading"] = self.reading
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in `data`. Raises BadManifest, naming what is wrong and where."""
    try:
        document = _mapping(json.loads(data), "the manifest")
    except (ValueError, RecursionError) as error:
        raise BadManifest(f"not JSON: {error}") from error
    if document.get("format") != FORMAT:
        raise BadManifest(
            f"format is {document.get('format')!r}; this version of Weir reads format {FORMAT}"
        )
    blocks = _mapping(document.get("blocks"), "blocks")
    routers = _mapping(document.get("routers"), "routers")
    files = _mapping(document.get("files"), "files")
    manifest = Manifest(
        name=_text(document, "name", ""),
        max_chars=_count(document, "max_chars", ""),
        max_tokens=_count(document, "max_tokens", ""),
        tokenizer=_path(document, "tokenizer", ""),
        blocks={name: _parse_block(name, value) for name, value in blocks.items()},
        routers={name: _parse_router(name, value) for name, value in routers.items()},
        default_router=_text(document, "default_router", ""),
        profiles=_texts(document, "profiles", ""),
        calibration=_path(document, "calibration", ""),
        card=_path(document, "card", ""),
        files={_safe(name, "files"): _parse_file(name, value) for name, value in files.items()},
        reading=_reading(document),
    )
    _cross_check(manifest)
    return manifest


def _reading(document: Mapping[str, Json]) -> int:
    reading = _count(document, "reading", "") if "reading" in document else 1
    if reading not in VERSIONS:
        raise BadManifest(
            f"reading is {reading}; this version of Weir reads texts in the ways"
            f" {', '.join(map(str, VERSIONS))}: a newer Weir opens this bundle"
        )
    return reading


def _cross_check(manifest: Manifest) -> None:
    if manifest.default_router not in manifest.routers:
        raise BadManifest(f"default_router {manifest.default_router!r} is not among the routers")
    for router in manifest.routers.values():
        for block in router.blocks:
            if block not in manifest.blocks:
                raise BadManifest(
                    f"routers.{router.name} wants a block {block!r} that is not there"
                )
        _check_members(manifest, router)
    for path in _referenced_paths(manifest):
        if path not in manifest.files:
            raise BadManifest(f"{path} is used but not listed under files")


def _check_members(manifest: Manifest, router: RouterEntry) -> None:
    for name in router.members:
        member = manifest.routers.get(name)
        if member is None:
            raise BadManifest(f"routers.{router.name} wants a router {name!r} that is not there")
        if member.members:
            raise BadManifest(f"routers.{router.name} has an ensemble, {name!r}, as a member")
        missing = set(member.blocks) - set(router.blocks)
        if missing:
            raise BadManifest(
                f"routers.{router.name} lacks its member {name!r}'s blocks:"
                f" {', '.join(sorted(missing))}"
            )


def _referenced_paths(manifest: Manifest) -> list[str]:
    routers = manifest.routers.values()
    used = [
        path for router in routers for path in (router.head, router.qualities, router.familiarity)
    ]
    encoders = [
        path
        for block in manifest.blocks.values()
        if isinstance(block, EncoderBlock)
        for path in block.files.values()
    ]
    return [manifest.tokenizer, manifest.calibration, manifest.card, *filter(None, used), *encoders]


def _parse_block(name: str, value: Json) -> Block:
    at = f"blocks.{name}"
    entry = _mapping(value, at)
    kind = _text(entry, "kind", at)
    dim = _count(entry, "dim", at)
    if kind != ENCODER:
        version = _count(entry, "version", at) if "version" in entry else 1
        seed = _count(entry, "seed", at, least=0) if "seed" in entry else 0
        return TextBlock(name, kind, dim, version, seed)
    files = _mapping(entry.get("files"), f"{at}.files")
    paths = {precision: _path(files, precision, f"{at}.files") for precision in files}
    probe = _numbers(entry, "probe", at) if "probe" in entry else ()
    return EncoderBlock(name, dim, _text(entry, "output", at), paths, probe)


def _block_json(block: Block) -> Mapping[str, Json]:
    if isinstance(block, EncoderBlock):
        encoder: dict[str, Json] = {
            "kind": ENCODER,
            "dim": block.dim,
            "output": block.output,
            "files": dict(block.files),
        }
        return encoder | ({"probe": list(block.probe)} if block.probe else {})
    entry: dict[str, Json] = {"kind": block.kind, "dim": block.dim, "version": block.version}
    return entry | ({"seed": block.seed} if block.kind == "uniform" else {})


def _parse_router(name: str, value: Json) -> RouterEntry:
    at = f"routers.{name}"
    entry = _mapping(value, at)
    head = _path(entry, "head", at) if "head" in entry else None
    return RouterEntry(
        name,
        _text(entry, "kind", at),
        _texts(entry, "blocks", at),
        head,
        _texts(entry, "members", at) if "members" in entry else (),
        _path(entry, "qualities", at) if "qualities" in entry else None,
        _path(entry, "familiarity", at) if "familiarity" in entry else None,
    )


def _router_json(entry: RouterEntry) -> Mapping[str, Json]:
    document: dict[str, Json] = {"kind": entry.kind, "blocks": list(entry.blocks)}
    if entry.head is not None:
        document["head"] = entry.head
    if entry.members:
        document["members"] = list(entry.members)
    if entry.qualities is not None:
        document["qualities"] = entry.qualities
    if entry.familiarity is not None:
        document["familiarity"] = entry.familiarity
    return document


def _parse_file(name: str, value: Json) -> FileEntry:
    at = f"files.{name}"
    entry = _mapping(value, at)
    return FileEntry(_text(entry, "sha256", at), _count(entry, "bytes", at, least=0))


def _mapping(value: Json, at: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise BadManifest(f"{at} must be an object")
    return cast("dict[str, Json]", value)


def _text(entry: Mapping[str, Json], key: str, at: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise BadManifest(f"{_join(at, key)} must be a text")
    return value


def _texts(entry: Mapping[str, Json], key: str, at: str) -> tuple[str, ...]:
    value = entry.get(key)
    items = cast("list[Json]", value) if isinstance(value, list) else None
    if items is None or not all(isinstance(item, str) for item in items):
        raise BadManifest(f"{_join(at, key)} must be a list of texts")
    return tuple(cast("list[str]", items))


def _numbers(entry: Mapping[str, Json], key: str, at: str) -> tuple[float, ...]:
    value = entry.get(key)
    items = cast("list[Json]", value) if isinstance(value, list) else None
    if items is None or not all(
        isinstance(item, int | float) and math.isfinite(item) for item in items
    ):
        raise BadManifest(f"{_join(at, key)} must be a list of finite numbers")
    return tuple(float(cast("float", item)) for item in items)


def _count(entry: Mapping[str, Json], key: str, at: str, *, least: int = 1) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise BadManifest(f"{_join(at, key)} must be a whole number of at least {least}")
    return value


def _path(entry: Mapping[str, Json], key: str, at: str) -> str:
    return _safe(_text(entry, key, at), _join(at, key))


def _safe(path: str, at: str) -> str:
    """`path`, if it stays inside the bundle."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or "\0" in path or not parts or ".." in parts:
        raise BadManifest(f"{at}: {path!r} leaves the bundle's folder")
    return path


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
