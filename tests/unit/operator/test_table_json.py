"""The table as the ConfigMap holds it: readable, packed, or too large."""

import gzip
import json
import random

import pytest

from weir_operator.apply.table_json import (
    MAX_BYTES,
    PACKED,
    PLAIN,
    READABLE_BYTES,
    TableTooLarge,
    table_files,
)
from weir_proto.routing.v1.routetable_pb2 import Policy, RouteTable, Rule


def table(*whens: str) -> RouteTable:
    """One policy with a rule each."""
    rules = [Rule(name=f"r{n}", when=when) for n, when in enumerate(whens)]
    return RouteTable(version="v", policies=[Policy(id="shop/chat", rules=rules)])


def test_a_small_table_is_readable() -> None:
    files = table_files(table("true"))
    assert list(files) == [PLAIN]
    assert json.loads(files[PLAIN])["version"] == "v"


def test_a_large_table_is_packed_and_says_the_same() -> None:
    files = table_files(table(*["x" * 2000] * 1000))
    assert list(files) == [PACKED]
    assert len(files[PACKED]) < MAX_BYTES
    text = gzip.decompress(files[PACKED])
    assert len(text) > READABLE_BYTES
    assert len(json.loads(text)["policies"][0]["rules"]) == 1000
    assert files == table_files(table(*["x" * 2000] * 1000))


def test_what_cannot_be_packed_is_too_large() -> None:
    noise = random.Random(1)
    whens = [noise.randbytes(1000).hex() for _ in range(1500)]
    with pytest.raises(TableTooLarge, match="packed"):
        table_files(table(*whens))


def test_a_secret_s_value_is_never_written() -> None:
    made = table("true")
    made.credentials.add(value="sk-secret")
    with pytest.raises(ValueError, match="stream only"):
        table_files(made)
