"""A bundle is whole and fits together, or it is refused with the file's name and what to do."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.bundles import TINY_PROFILES, npz, tiny_bundle, tiny_head, tiny_parts
from weir_scorer import Bundle, BundleError
from weir_scorer.build.assemble import Parts, write_bundle
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import TextBlock


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
    parts = tiny_parts()
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
