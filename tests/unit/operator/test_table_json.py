"""The table as the ConfigMap holds it: readable, packed, or too large."""

import gzip
import json
import random

import pytest

from support.drafts import Draft, TableDraft
from support.resources import policy
from weir_operator.apply.table_json import (
    MAX_BYTES,
    PACKED,
    PLAIN,
    READABLE_BYTES,
    TableTooLarge,
    table_files,
)


def table(*whens: str) -> bytes:
    """A policy for each 32 rules."""
    rules = [{"name": f"r{n}", "when": when, "use": "weak"} for n, when in enumerate(whens)]
    parts = [rules[at : at + 32] for at in range(0, len(rules), 32)]
    return TableDraft(
        [], [Draft(policy(f"chat{n}", rules=r)) for n, r in enumerate(parts)]
    ).to_json()


def test_a_small_table_is_readable() -> None:
    files = table_files(table("true"))
    assert list(files) == [PLAIN]
    assert json.loads(files[PLAIN])["version"] == "v1"


def test_a_large_table_is_packed_and_says_the_same() -> None:
    files = table_files(table(*["x" * 2000] * 1000))
    assert list(files) == [PACKED]
    assert len(files[PACKED]) < MAX_BYTES
    text = gzip.decompress(files[PACKED])
    assert len(text) > READABLE_BYTES
    assert sum(len(p["spec"]["rules"]) for p in json.loads(text)["policies"]) == 1000
    assert files == table_files(table(*["x" * 2000] * 1000))


def test_what_cannot_be_packed_is_too_large() -> None:
    noise = random.Random(1)
    whens = [noise.randbytes(1000).hex() for _ in range(1500)]
    with pytest.raises(TableTooLarge, match="packed"):
        table_files(table(*whens))
