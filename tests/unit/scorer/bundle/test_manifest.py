"""bundle.json: what it may say, and how it is told what it may not."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_scorer.bundle.manifest import (
    BadManifest,
    FileEntry,
    Manifest,
    RouterEntry,
    parse_manifest,
)
from weir_scorer.engine.blocks import EncoderBlock, TextBlock

FILES = ("tokenizer.json", "calibration.json", "card.md", "heads/l.npz", "encoder/e.onnx")
MANIFEST = Manifest(
    name="test",
    max_chars=100,
    max_tokens=8,
    tokenizer="tokenizer.json",
    blocks={
        "hash": TextBlock("hash", "uniform", dim=1, seed=3),
        "lexical": TextBlock("lexical", "lexical", dim=36, version=1),
        "layer1": EncoderBlock("layer1", 384, "layer1", {"int8": "encoder/e.onnx"}),
    },
    routers={
        "random": RouterEntry("random", "random", ("hash",), None),
        "linear": RouterEntry("linear", "linear", ("lexical", "layer1"), "heads/l.npz"),
    },
    default_router="linear",
    profiles=("gpt-4o",),
    calibration="calibration.json",
    card="card.md",
    files={path: FileEntry("0" * 64, 1) for path in FILES},
)
Document = dict[str, object]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
)


def document() -> Document:
    return cast("Document", json.loads(MANIFEST.to_json()))


def test_a_manifest_survives_its_file() -> None:
    parsed = parse_manifest(MANIFEST.to_json())
    assert parsed.to_json() == MANIFEST.to_json()
    assert parsed.blocks == MANIFEST.blocks
    assert parsed.routers == MANIFEST.routers


def test_the_way_of_reading_survives_and_is_left_out_where_it_is_the_first() -> None:
    assert "reading" not in document()
    later = replace(MANIFEST, reading=2)
    assert parse_manifest(later.to_json()).reading == 2
    assert parse_manifest(MANIFEST.to_json()).reading == 1


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), 2, "reads format 1"),
        (("reading",), 3, "a newer Weir opens this bundle"),
        (("reading",), "2", "reading must be a whole number"),
        (("name",), "", "name must be a text"),
        (("max_tokens",), 0, "max_tokens must be a whole number of at least 1"),
        (("max_chars",), True, "max_chars must be a whole number"),
        (("blocks",), [], "blocks must be an object"),
        (("blocks", "layer1", "dim"), "384", "blocks.layer1.dim must be a whole number"),
        (("blocks", "layer1", "files"), None, "blocks.layer1.files must be an object"),
        (("routers", "linear", "blocks"), ["nope"], "wants a block 'nope'"),
        (("routers", "linear", "blocks"), [1], "must be a list of texts"),
        (("routers", "linear", "head"), "../head.npz", "leaves the bundle's folder"),
        (("routers", "linear", "head"), "/etc/passwd", "leaves the bundle's folder"),
        (("routers", "linear", "head"), "heads/other.npz", "used but not listed"),
        (("default_router",), "mf", "default_router 'mf' is not among"),
        (("files", "card.md", "sha256"), 7, "files.card.md.sha256 must be a text"),
        (("files", "card.md"), "x", "files.card.md must be an object"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    path: tuple[str, ...], value: object, message: str
) -> None:
    broken = document()
    place = broken
    for key in path[:-1]:
        place = cast("Document", place[key])
    place[path[-1]] = value
    with pytest.raises(BadManifest, match=message):
        parse_manifest(json.dumps(broken).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_manifest(data)


@given(st.sampled_from(sorted(document())), json_values)
def test_any_value_anywhere_is_read_or_refused(key: str, value: object) -> None:
    broken = document() | {key: value}
    with suppress(BadManifest):
        assert parse_manifest(json.dumps(broken).encode()).files


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_manifest(data)
