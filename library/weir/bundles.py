"""The bundle to score with: the one that is named, or the default one, built once.

In this order: the one that is named, WEIR_BUNDLE, `.cache/bundle` in the current folder (where
`make` builds it), and the default bundle in the user's cache, which is built there when missing.
"""

import contextlib
import fcntl
import hashlib
import importlib
import importlib.metadata
import importlib.resources
import os
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Final

from weir.errors import NoBundle

CHECKOUT_BUNDLE: Final = Path(".cache/bundle")
VARIABLE: Final = "WEIR_BUNDLE"

Progress = Callable[[str], None]


def require_bundle(named: Path | None, progress: Progress) -> Path:
    """The folder of a bundle that is there; builds the default one when none is named.

    `progress` gets one line a step of a build. Raises NoBundle where the named folder has none,
    and where the default can't be built.
    """
    if named is None and os.environ.get(VARIABLE):
        named = Path(os.environ[VARIABLE])
    if named is not None:
        if not is_bundle(named):
            raise NoBundle(
                f"There is no bundle in {named}.", hint=f"weir bundle build --out {named}"
            )
        return named
    if is_bundle(CHECKOUT_BUNDLE):
        return CHECKOUT_BUNDLE
    folder = default_bundle(os.environ)
    if not is_bundle(folder):
        _build_default(folder, progress)
    return folder


def is_bundle(folder: Path) -> bool:
    """Whether there is a bundle in `folder`."""
    return (folder / "bundle.json").is_file()


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's programs keep what they can make again (XDG base directories)."""
    home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/"), ".cache")
    return Path(home) / "weir"


def default_bundle(environ: Mapping[str, str]) -> Path:
    """The default bundle's folder in the user's cache; other heads have their own."""
    try:
        version = importlib.metadata.version("weir-gateway")
    except importlib.metadata.PackageNotFoundError:
        version = "source"
    # Between releases the heads change and the version doesn't: their card tells them apart.
    card = importlib.resources.files("weir_scorer.build") / "heads" / "default" / "card.md"
    trained = hashlib.blake2b(card.read_bytes(), digest_size=4).hexdigest()
    return cache_folder(environ) / f"bundle-{version}-{trained}"


def build_bundle(
    out: Path, *, wheel: Path | None, cache: Path | None, variant: str, progress: Progress
) -> str:
    """Build a bundle into `out`, atomically; returns its version. Raises NoBundle."""
    try:
        # Only a build needs onnx, which takes longer to import than everything else together.
        default: Any = importlib.import_module("weir_scorer.build.default")
    except ModuleNotFoundError as missing:
        raise NoBundle(
            f"Building a bundle needs {missing.name}, which is not installed.",
            hint="pip install 'weir-gateway[bundle]'",
        ) from missing
    variants: Any = importlib.import_module("weir_scorer.build.variants")
    errors: Any = importlib.import_module("weir_scorer.bundle.errors")
    try:
        version: str = default.build(
            out,
            wheel=wheel,
            cache=cache or cache_folder(os.environ),
            progress=progress,
            variant=variants.VARIANTS[variant],
        )
    except errors.BuildError as error:
        raise NoBundle(
            f"The bundle can't be built: {error}",
            hint=f"weir bundle build --wheel FILE --out {out}, or name a bundle with --bundle",
        ) from error
    return version


def report_progress(line: str) -> None:
    """Write a line to standard error if that is a terminal: a library is silent elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"weir: {line}\n")


def _build_default(folder: Path, progress: Progress) -> None:
    progress(f"there is no bundle yet: building the default one into {folder}, once")
    with _only_one(folder, progress):
        if not is_bundle(folder):  # another process may have built it meanwhile
            build_bundle(folder, wheel=None, cache=None, variant="default", progress=progress)
    progress(f"the bundle is ready in {folder}")


@contextlib.contextmanager
def _only_one(folder: Path, progress: Progress) -> Generator[None]:
    """Hold a lock beside `folder`, waiting for another process that builds it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f"{folder.name}.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise NoBundle(
            f"{folder.parent} can't be written: {error.strerror}.",
            hint="set XDG_CACHE_HOME to a folder of yours, or name a bundle with --bundle",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is building it: waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
