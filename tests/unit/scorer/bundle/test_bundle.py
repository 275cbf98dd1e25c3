"""A bundle is whole and fits together, or it is refused with the file's name and what to do."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.bundles import (
    TINY_PROFILES,
    npz,
    tiny_bundle,
    tiny_calibration,
    tiny_head,
    tiny_parts,
)
from support.heads import head_arrays
from weir_scorer import Bundle, BundleError
from weir_scorer.build.assemble import Parts, write_bundle
from weir_scorer.bundle.calibration import (
    BadCalibration,
    calibration_json,
    parse_calibration,
)
from weir_scorer.bundle.loading import PROBE
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import EncoderBlock, TextBlock
from weir_scorer.engine.ports import Evidence, Gain, RetentionThreshold
from weir_scorer.features import lexical


def open_cpu(path: Path) -> Bundle:
    return Bundle.open(path, devices=["cpu"])


def refused(path: Path, file: str, problem: str) -> None:
    with pytest.raises(BundleError, match=problem) as raised:
        open_cpu(path)
    assert raised.value.path == path / file
    assert "weir bundle build" in str(raised.value) or "remove it" in str(raised.value)


def flip_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def remove(file: Path) -> None:
    file.unlink()


LISTED = (
    "tokenizer.json",
    "encoder/layer1.fp32.onnx",
    "heads/linear.npz",
    "calibration.json",
    "card.md",
)


@pytest.mark.parametrize("file", LISTED)
@pytest.mark.parametrize(
    ("harm", "problem"),
    [(flip_a_byte, "was altered"), (empty, "has 0 bytes"), (remove, "cannot be read")],
)
def test_a_harmed_file_is_named(
    tmp_path: Path, file: str, harm: Callable[[Path], object], problem: str
) -> None:
    path = tiny_bundle(tmp_path)
    harm(path / file)
    refused(path, file, problem)


def test_a_file_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    (path / "heads" / "extra.npz").write_bytes(b"?")
    refused(path, "heads/extra.npz", "not listed")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "bundle.json", "cannot be read")
    refused(tmp_path / "absent", "bundle.json", "cannot be read")


@pytest.mark.parametrize("content", ["", "{", '{"format": 99}', "[]"])
def test_a_broken_manifest_is_refused(tmp_path: Path, content: str) -> None:
    path = tiny_bundle(tmp_path)
    (path / "bundle.json").write_text(content)
    refused(path, "bundle.json", r"format|JSON|object")


def test_a_manifest_cannot_reach_outside_its_folder(tmp_path: Path) -> None:
    path = tiny_bundle(tmp_path)
    document = json.loads((path / "bundle.json").read_text())
    document["files"]["../secret"] = {"sha256": "0" * 64, "bytes": 1}
    (path / "bundle.json").write_text(json.dumps(document))
    refused(path, "bundle.json", "leaves the bundle's folder")


def with_file(path: str, content: bytes) -> Parts:
    parts = tiny_parts()
    return replace(parts, files={**parts.files, path: content})


class Evil:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (print, ("unpickled",))


def pickled() -> bytes:
    array = np.empty(1, dtype=object)
    array[0] = Evil()
    buffer = io.BytesIO()
    np.savez(buffer, weights=array)
    return buffer.getvalue()


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("heads/linear.npz", npz(tiny_head(7)), "reads 7 columns, its blocks have 52"),
        ("heads/linear.npz", npz({}), "no array `mean`"),
        ("heads/linear.npz", b"no zip", "router 'linear'"),
        ("heads/linear.npz", b"", "router 'linear'"),
        ("heads/linear.npz", npy(), "not an .npz"),
        ("heads/linear.npz", pickled(), "pickle"),
        ("heads/length.npz", npz({"knots": np.array([np.nan, 1], np.float32)}), "not finite"),
        ("tokenizer.json", b"{}", "not a tokenizer"),
        ("tokenizer.json", b"\xff", "not a tokenizer"),
        ("calibration.json", b"{}", "has nothing on length, linear, random"),
        ("calibration.json", b"[]", "not a calibration"),
        (
            "calibration.json",
            b'{"linear": {"quantiles": [1, 0], "prompts": 1, "retention": []}}',
            "must ascend",
        ),
    ],
)
def test_parts_that_are_listed_and_wrong_are_named(
    tmp_path: Path, file: str, content: bytes, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundle"
    write_bundle(with_file(file, content), path)
    refused(path, file, problem)
    assert "unpickled" not in capsys.readouterr().out


def test_a_block_of_another_version_is_refused(tmp_path: Path) -> None:
    parts = tiny_parts()
    blocks = [block for block in parts.blocks if block.name != "lexical"]
    later = TextBlock("lexical", "lexical", dim=36, version=2)
    write_bundle(replace(parts, blocks=(*blocks, later)), tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"version 2 .* build the bundle again"):
        open_cpu(tmp_path / "bundle")


def test_an_unknown_kind_of_router_is_refused(tmp_path: Path) -> None:
    parts = tiny_parts()
    oracle = RouterEntry("oracle", "oracle", ("length",), "heads/length.npz")
    write_bundle(replace(parts, routers=(*parts.routers, oracle)), tmp_path / "bundle")
    with pytest.raises(BundleError, match="kind 'oracle'; known: random, length, linear"):
        open_cpu(tmp_path / "bundle")


def test_a_head_for_other_profiles_is_refused(tmp_path: Path) -> None:
    write_bundle(replace(tiny_parts(), profiles=("only",)), tmp_path / "bundle")
    with pytest.raises(BundleError, match="predicts 2 qualities for 1 profiles"):
        open_cpu(tmp_path / "bundle")


def test_an_encoder_of_another_width_is_refused(tmp_path: Path) -> None:
    parts = without_familiarity(tiny_parts())
    blocks = tuple(
        replace(block, dim=15) if block.name == "layer1" else block for block in parts.blocks
    )
    files = {**parts.files, "heads/linear.npz": npz(tiny_head(36 + 15))}
    write_bundle(replace(parts, blocks=blocks, files=files), tmp_path / "bundle")
    with pytest.raises(BundleError, match="router 'linear' does not run"):
        open_cpu(tmp_path / "bundle")


def test_a_bundle_describes_itself(tmp_path: Path) -> None:
    with open_cpu(tiny_bundle(tmp_path)) as bundle:
        assert bundle.name == "tiny"
        assert bundle.version == bundle.description().version
        assert bundle.routers == ("random", "length", "linear")
        assert bundle.default_router == "linear"
        assert bundle.profiles == TINY_PROFILES
        assert "Random weights" in bundle.card
        assert bundle.description().routers[2].calibration.retention[0].threshold == 0.4


def test_one_engine_per_device(tmp_path: Path) -> None:
    with Bundle.open(tiny_bundle(tmp_path), devices=["cpu", "cpu"], threads=2) as bundle:
        assert [engine.device.name for engine in bundle.engines] == ["cpu:0", "cpu:0"]


def test_scores_come_in_the_order_of_texts_of_any_length(tmp_path: Path) -> None:
    texts = [("what is " * (number * 7 % 20)) + str(number) for number in range(2100)]
    with open_cpu(tiny_bundle(tmp_path)) as bundle:
        scores = bundle.score(iter(texts), want_quality=True, want_embedding=True)
        assert scores.scores.shape == (2100,)
        assert scores.quality is not None
        assert scores.quality.shape == (2100, 2)
        for place in (0, 1, 1023, 1024, 2099):
            alone = bundle.score([texts[place]], want_quality=True)
            assert scores.scores[place] == pytest.approx(alone.scores[0], abs=1e-5)
        assert bundle.score([]).scores.shape == (0,)


def with_encoder(parts: Parts, probe: tuple[float, ...]) -> Parts:
    blocks = tuple(
        replace(block, probe=probe) if isinstance(block, EncoderBlock) else block
        for block in parts.blocks
    )
    return replace(parts, blocks=blocks)


def test_another_encoder_than_the_heads_were_trained_on_is_refused(tmp_path: Path) -> None:
    write_bundle(tiny_parts(), tmp_path / "tiny")
    with open_cpu(tmp_path / "tiny") as opened:
        said = opened.score([PROBE], "linear", want_embedding=True).embeddings
    assert said is not None
    probe = tuple(said[0].tolist())
    write_bundle(with_encoder(tiny_parts(), probe), tmp_path / "same")
    open_cpu(tmp_path / "same").close()
    write_bundle(with_encoder(tiny_parts(seed=1), probe), tmp_path / "other")
    refused(tmp_path / "other", "encoder/layer1.fp32.onnx", "is not what the heads were trained on")


def without_familiarity(parts: Parts) -> Parts:
    """As an older version of Weir wrote it."""
    routers = tuple(replace(router, familiarity=None) for router in parts.routers)
    files = {path: content for path, content in parts.files.items() if "familiarity" not in path}
    return replace(parts, routers=routers, files=files)


def with_router(entry: RouterEntry) -> Parts:
    parts = tiny_parts()
    described = {r.name: tiny_calibration() for r in (*parts.routers, entry)}
    files = {
        **parts.files,
        "calibration.json": calibration_json(described),
        "heads/ensemble.npz": npz({"weights": np.ones(2, "f4"), "bias": np.array(0, "f4")}),
        "heads/cluster.npz": npz(head_arrays("cluster")),
        "heads/qualities.npz": npz(head_arrays("qualities", 0, len(lexical.NAMES))),
    }
    return replace(parts, routers=(*parts.routers, entry), files=files)


@pytest.mark.parametrize(
    ("entry", "file", "problem"),
    [
        (("cluster", ("lexical",), "heads/cluster.npz"), "heads/cluster.npz", "reads 6 columns"),
        (("knn", ("lexical",), "heads/cluster.npz"), "heads/cluster.npz", "no array `prototypes`"),
        (("ensemble", ("length",), "heads/ensemble.npz"), "heads/ensemble.npz", "none are named"),
    ],
)
def test_a_head_that_is_another_s_is_refused(
    tmp_path: Path, entry: tuple[str, tuple[str, ...], str], file: str, problem: str
) -> None:
    write_bundle(with_router(RouterEntry("mine", *entry)), tmp_path / "tiny")
    refused(tmp_path / "tiny", file, problem)


def test_a_missing_profile_is_told_with_what_to_do(tmp_path: Path) -> None:
    head = ("random", ("lexical",), None, (), "heads/qualities.npz")
    write_bundle(with_router(RouterEntry("mine", *head)), tmp_path / "tiny")
    with pytest.raises(BundleError, match=r"reads 1 columns|weir profile"):
        open_cpu(tmp_path / "tiny")


@pytest.mark.parametrize(
    ("members", "blocks", "problem"),
    [
        (("nobody",), ("length",), "wants a router 'nobody' that is not there"),
        (("linear",), ("length",), "lacks its member 'linear''s blocks: layer1, lexical"),
    ],
)
def test_an_ensemble_s_members_and_their_blocks_must_be_there(
    tmp_path: Path, members: tuple[str, ...], blocks: tuple[str, ...], problem: str
) -> None:
    entry = RouterEntry("mine", "ensemble", blocks, "heads/ensemble.npz", members)
    with pytest.raises(BundleError, match=problem):
        write_bundle(with_router(entry), tmp_path / "tiny")


def test_a_bundle_tells_how_well_it_knows_a_text_where_it_can(tmp_path: Path) -> None:
    parts = tiny_parts()
    write_bundle(parts, tmp_path / "tells")
    write_bundle(without_familiarity(parts), tmp_path / "silent")
    with open_cpu(tmp_path / "tells") as tells, open_cpu(tmp_path / "silent") as older:
        known = tells.score(["what is two?", "prove the theorem. " * 40, ""]).known
        assert known is not None
        assert np.all((known >= 0) & (known <= 1))
        assert tells.score(["hi"], "length").known is None, "length reads other blocks"
        assert older.score(["hi"]).known is None


def test_what_own_labels_show_is_kept_in_the_bundle() -> None:
    plain, shown = tiny_calibration(), Evidence(400, Gain(0.1, 0.02, 0.2), Gain(-0.1, -0.2, 0.1))
    row = RetentionThreshold(0.9, 0.95, 0.3, 0.5, own=True)
    own = replace(plain, retention=(*plain.retention, row), evidence=shown)
    content = calibration_json({"linear": own, "length": plain})
    assert parse_calibration(content) == {"linear": own, "length": plain}
    without = json.loads(content)["length"]
    assert "evidence" not in without
    assert "own" not in without["retention"][0], "an older bundle keeps its bytes"


@pytest.mark.parametrize("labels", [0, -1])
def test_evidence_without_labels_is_refused(labels: int) -> None:
    gain = Gain(0.1, 0.0, 0.2)
    content = calibration_json(
        {"linear": replace(tiny_calibration(), evidence=Evidence(labels, gain, gain))}
    )
    with pytest.raises(BadCalibration, match="evidence must have labels"):
        parse_calibration(content)


def test_familiarity_of_other_blocks_is_refused(tmp_path: Path) -> None:
    parts = tiny_parts()
    wrong = npz(head_arrays("familiarity", 0, len(lexical.NAMES)))
    files = {**parts.files, "heads/familiarity.npz": wrong}
    write_bundle(replace(parts, files=files), tmp_path / "tiny")
    refused(tmp_path / "tiny", "heads/familiarity.npz", "trained for another encoder")
