"""The bundle a command works with, found or built as the library does it (weir.bundles)."""

import contextlib
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import click

from weir import bundles
from weir.bundles import CHECKOUT_BUNDLE, cache_folder, default_bundle
from weir.errors import NoBundle
from weir_cli.failure import Failure
from weir_cli.output import say

__all__ = ["BUNDLE", "CHECKOUT_BUNDLE", "cache_folder", "default_bundle", "require_bundle"]

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
    with _failures():
        return bundles.require_bundle(named, say)


def find_bundle(named: Path | None) -> Path | None:
    """As `require_bundle`, but None where no bundle is named and none has been built yet."""
    built = (CHECKOUT_BUNDLE, default_bundle(os.environ))
    if named is not None or any(map(bundles.is_bundle, built)):
        return require_bundle(named)
    return None


def build_bundle(
    out: Path,
    *,
    wheel: Path | None,
    cache: Path | None,
    variant: str,
    progress: Callable[[str], None],
) -> str:
    """Build a bundle into `out`, atomically; returns its version. Raises Failure."""
    with _failures():
        return bundles.build_bundle(
            out, wheel=wheel, cache=cache, variant=variant, progress=progress
        )


@contextlib.contextmanager
def _failures() -> Generator[None]:
    try:
        yield
    except NoBundle as error:
        raise Failure(error.message, hint=error.hint) from error
