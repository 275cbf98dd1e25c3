"""The bundle a command works with: the one that is named, or the default one, built once.

In this order: `--bundle`, WEIR_BUNDLE, `.cache/bundle` in the current folder (where `make` builds
it), and the default bundle in the user's cache, which is built there when it is missing.
"""

import contextlib
import fcntl
import importlib.metadata
import os
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import click

from weir_cli.failure import Failure
from weir_cli.output import say

CHECKOUT_BUNDLE = Path(".cache/bundle")
_SHOWN_DEFAULT = "the default bundle, built once"

BundleOption = Callable[[Callable[..., Any]], Callable[..., Any]]


def bundle_option(help_text: str = "The scorer's bundle.", *names: str) -> BundleOption:
    """The option that names a bundle, `--bundle` unless `names` say otherwise; read WEIR_BUNDLE.

    Its value goes through `require_bundle` when the command needs the folder.
    """
    return click.option(
        *(names or ("--bundle",)),
        type=click.Path(path_type=Path),
        envvar="WEIR_BUNDLE",
        show_envvar=True,
        show_default=_SHOWN_DEFAULT,
        help=help_text,
    )


BUNDLE = bundle_option()


def require_bundle(named: Path | None) -> Path:
    """The folder of a bundle that is there; builds the default one when none is named.

    Raises Failure where the named folder has no bundle, and where the default can't be built.
    """
    if named is not None:
        if not _is_bundle(named):
            hint = f"weir bundle build --out {named}"
            raise Failure(f"There is no bundle in {named}.", hint=hint)
        return named
    if _is_bundle(CHECKOUT_BUNDLE):
        return CHECKOUT_BUNDLE
    folder = default_bundle(os.environ)
    if not _is_bundle(folder):
        _build_default(folder)
    return folder


def find_bundle(named: Path | None) -> Path | None:
    """As `require_bundle`, but None where no bundle is named and none has been built yet."""
    if named is not None or _is_bundle(CHECKOUT_BUNDLE) or _is_bundle(default_bundle(os.environ)):
        return require_bundle(named)
    return None


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's programs keep what they can make again (XDG base directories)."""
    home = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/"), ".cache")
    return Path(home) / "weir"


def default_bundle(environ: Mapping[str, str]) -> Path:
    """The default bundle's folder in the user's cache; another version of Weir has its own."""
    try:
        version = importlib.metadata.version("weir-gateway")
    except importlib.metadata.PackageNotFoundError:
        version = "source"
    return cache_folder(environ) / f"bundle-{version}"


def build_bundle(
    out: Path,
    *,
    wheel: Path | None,
    cache: Path | None,
    variant: str,
    progress: Callable[[str], None],
) -> str:
    """Build a bundle into `out`, atomically; returns its version. Raises Failure."""
    try:
        from weir_scorer.build import default  # noqa: PLC0415 - serving needs no onnx
        from weir_scorer.build.variants import VARIANTS  # noqa: PLC0415 - as above
        from weir_scorer.bundle.errors import BuildError  # noqa: PLC0415 - as above
    except ModuleNotFoundError as missing:
        raise Failure(
            f"Building a bundle needs {missing.name}, which is not installed.",
            hint="pip install 'weir-gateway[all]'",
        ) from missing
    try:
        return default.build(
            out,
            wheel=wheel,
            cache=cache or cache_folder(os.environ),
            progress=progress,
            variant=VARIANTS[variant],
        )
    except BuildError as error:
        raise Failure(
            f"The bundle can't be built: {error}",
            hint=f"weir bundle build --wheel FILE --out {out}, or name a bundle with --bundle",
        ) from error


def _is_bundle(folder: Path) -> bool:
    return (folder / "bundle.json").is_file()


def _build_default(folder: Path) -> None:
    say(f"there is no bundle yet: building the default one into {folder}, once")
    with _only_one(folder):
        if not _is_bundle(folder):  # another process may have built it meanwhile
            build_bundle(folder, wheel=None, cache=None, variant="default", progress=say)
    say(f"the bundle is ready in {folder}")


@contextlib.contextmanager
def _only_one(folder: Path) -> Generator[None]:
    """Hold a lock beside `folder`, waiting for another process that builds it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f"{folder.name}.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise Failure(
            f"{folder.parent} can't be written: {error.strerror}.",
            hint="set XDG_CACHE_HOME to a folder of yours, or name a bundle with --bundle",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building it: waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
