"""Where this user's own price catalog is, and the catalog that commands compile with."""

import os
from collections.abc import Mapping
from pathlib import Path

from weir_cli.failure import Failure
from weir_operator.files.catalog import load_catalog
from weir_policy.catalog.catalog import Catalog, CatalogError


def user_catalog_path(environ: Mapping[str, str]) -> Path:
    """The file that `weir catalog update` writes (XDG base directories)."""
    home = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME", "/"), ".local", "share")
    return Path(home) / "weir" / "catalog.json"


def current_catalog() -> Catalog:
    """The package's models, and this user's own before them. Raises Failure."""
    try:
        return load_catalog(user_catalog_path(os.environ))
    except CatalogError as error:
        raise Failure(str(error), hint="mend or delete the file") from error
