"""Prompts without labels: any file with a column `prompt`, each distinct prompt once.

What calibrating a share needs. Must not know what other columns mean.
"""

from pathlib import Path

from weir_lab.datasets import checks
from weir_lab.datasets.tables import find_files, read_table
from weir_lab.datasets.texts import fingerprint
from weir_lab.errors import DataError


def load_prompts(path: Path) -> tuple[str, ...]:
    """Of a file, or of all files of a folder that have the column, in order."""
    found: dict[bytes, str] = {}
    for file in find_files(path):
        table = read_table(file)
        if path.is_dir() and "prompt" not in table.columns:
            continue
        checks.require(table, ("prompt",), "unlabelled prompts")
        for prompt in checks.texts(table, "prompt"):
            found.setdefault(fingerprint(prompt), prompt)
    if not found:
        raise DataError(f"{path}: no file has a column 'prompt'")
    return tuple(found.values())
