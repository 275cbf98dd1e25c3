"""The price catalog: the package's own, and a file whose models come before it."""

from pathlib import Path

from weir_policy.catalog.catalog import MAX_BYTES, Catalog, CatalogError, packaged, read_catalog


def load_catalog(path: Path | None) -> Catalog:
    """The package's catalog with the models of `path`. Raises CatalogError, which names the file.

    None, or a file that isn't there, adds nothing.
    """
    own = packaged()
    return own if path is None or not path.exists() else own.merged(catalog_file(path))


def catalog_file(path: Path) -> Catalog:
    """One file's models. Raises CatalogError, which names the file."""
    try:
        with path.open("rb") as file:
            return read_catalog(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise CatalogError(f"{path} can't be read: {error.strerror}") from error
    except CatalogError as error:
        raise CatalogError(f"{path} is no catalog: {error}") from error
