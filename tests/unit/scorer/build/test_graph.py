"""The written graph equals BERT's definition, and int8 stays near it."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from support.bert import Bert
from support.bundles import ROOT, TINY_HEADS, tiny_weights, wheel
from weir_scorer.build.graph import Precision, Shape, encoder_graph, to_int8
from weir_scorer.build.packed import FourBitRows
from weir_scorer.build.variants import MAX_TOKENS
from weir_scorer.build.weights import EncoderSource, read_wheel
from weir_scorer.engine.sessions import DeviceChoice, DeviceKind, SessionOptions, open_session
from weir_scorer.engine.tokens import Tokens, pad

EPSILON = 1e-12
CPU = SessionOptions(DeviceChoice(DeviceKind.CPU))
PROMPTS = (
    "hi",
    "What is the capital of France?",
    "Prove that there are infinitely many primes congruent to 3 modulo 4.",
    "Write a Python function that merges two sorted lists.\n\ndef merge(a, b):",
    "已知函数 f(x) = x^2，求其最小值。",  # noqa: RUF001 - a Chinese prompt has Chinese punctuation
    "A train leaves at 3:15 pm and travels 240 km in 2.5 hours. " * 12,
    "?!",
)


LAYERS = 12  # of the whole encoder


@pytest.fixture(scope="module")
def encoder() -> EncoderSource:
    return read_wheel(wheel())


def worst_cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).min())


def tiny_batch() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    random = np.random.default_rng(7)
    rows = [tuple(random.integers(4, 40, size).tolist()) for size in (2, 9, 5, 30)]
    return pad(rows)


def test_the_graph_equals_the_definition_at_every_tap() -> None:
    weights = tiny_weights(3)
    graph = encoder_graph(weights, Shape(TINY_HEADS, EPSILON), [2, 1])
    session = open_session(graph.SerializeToString(), CPU)
    ids, mask = tiny_batch()
    found = session.run(["layer1", "layer2"], ids, mask)
    bert = Bert(weights, TINY_HEADS, EPSILON)
    for layer in (1, 2):
        expected = bert.embed(ids, mask, layer)
        np.testing.assert_allclose(found[f"layer{layer}"], expected, atol=1e-5)


def test_padding_changes_nothing() -> None:
    graph = encoder_graph(tiny_weights(), Shape(TINY_HEADS, EPSILON), [1])
    session = open_session(graph.SerializeToString(), CPU)
    ids, mask = tiny_batch()
    together = session.run(["layer1"], ids, mask)["layer1"]
    for row in range(len(ids)):
        size = int(mask[row].sum())
        alone = session.run(["layer1"], ids[row : row + 1, :size], mask[row : row + 1, :size])
        np.testing.assert_allclose(together[row], alone["layer1"][0], atol=1e-5)


@pytest.mark.parametrize("precision", Precision)
def test_the_graph_is_valid_onnx_and_always_the_same(precision: Precision) -> None:
    first, second = (
        encoder_graph(tiny_weights(), Shape(TINY_HEADS, EPSILON), [1, 2], precision)
        for _ in range(2)
    )
    onnx.checker.check_model(first, full_check=True)  # pyright: ignore[reportUnknownMemberType] - its PathLike is bare
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )


def test_quantising_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    graph = encoder_graph(tiny_weights(), Shape(TINY_HEADS, EPSILON), [1])
    for name in ("one", "two"):
        to_int8(graph, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    open_session((tmp_path / "one").read_bytes(), CPU)


def test_layer_0_is_the_embeddings_alone() -> None:
    weights = tiny_weights(3)
    graph = encoder_graph(weights, Shape(TINY_HEADS, EPSILON), [0])
    ids, mask = tiny_batch()
    found = open_session(graph.SerializeToString(), CPU).run(["layer0"], ids, mask)["layer0"]
    np.testing.assert_allclose(
        found, Bert(weights, TINY_HEADS, EPSILON).embed(ids, mask, 0), atol=1e-5
    )


def test_words_of_four_bits_are_unpacked_exactly() -> None:
    random = np.random.default_rng(5)
    weights = {
        name: np.concatenate([array, array], axis=-1) if name.startswith("emb") else array
        for name, array in tiny_weights(3).items()
    }
    rows = FourBitRows(
        random.integers(0, 256, (60, 16), dtype=np.uint8),
        random.normal(0, 0.1, (60, 1)).astype(np.float16),
    )
    shape = Shape(TINY_HEADS, EPSILON)
    packed = encoder_graph(weights, shape, [0], words=rows)
    weights["embeddings.word_embeddings.weight"] = rows.unpack()
    plain = encoder_graph(weights, shape, [0])
    ids, mask = tiny_batch()
    one, other = (
        open_session(graph.SerializeToString(), CPU).run(["layer0"], ids, mask)["layer0"]
        for graph in (packed, plain)
    )
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.timeout(180)  # the wheel holds 250,000 words
@pytest.mark.parametrize("layer", [0, 2, 4])
def test_the_encoder_is_exact_in_fp32_and_near_in_fp16_and_int8(
    layer: int, tmp_path: Path, encoder: EncoderSource
) -> None:
    reading = Tokens(encoder.tokenizer, MAX_TOKENS[2], both_ends=True)
    ids, mask = pad(reading.encode(PROMPTS))
    used, places = np.unique(ids, return_inverse=True)
    rows = FourBitRows(encoder.words.halves[used], encoder.words.scales[used])
    words = {"embeddings.word_embeddings.weight": rows.unpack()}
    expected = Bert({**encoder.weights, **words}, encoder.shape.heads, encoder.shape.epsilon).embed(
        places.reshape(ids.shape), mask, layer
    )
    exact, half = (
        encoder_graph(encoder.weights, encoder.shape, [layer], precision, encoder.words)
        for precision in (Precision.FP32, Precision.FP16)
    )
    to_int8(exact, tmp_path / "int8")
    worst = {
        name: worst_cosine(_run(graph, layer, ids, mask), expected)
        for name, graph in {
            "fp32": exact.SerializeToString(),
            "fp16": half.SerializeToString(),
            "int8": (tmp_path / "int8").read_bytes(),
        }.items()
    }
    assert worst["fp32"] >= 0.9999
    assert worst["fp16"] >= 0.999
    assert worst["int8"] >= 0.98


@pytest.mark.timeout(180)
def test_the_whole_encoder_agrees_with_its_own_engine_in_nine_languages(
    encoder: EncoderSource,
) -> None:
    """The first numbers of each text's embedding, as the wheel's own engine gave them."""
    lines = (ROOT / "tests" / "data" / "e5_engine.jsonl").read_text("utf-8").splitlines()
    recorded = [json.loads(line) for line in lines]
    graph = encoder_graph(encoder.weights, encoder.shape, [LAYERS], words=encoder.words)
    tokens = Tokens(encoder.tokenizer, MAX_TOKENS[2], both_ends=True)
    assert len({entry["language"] for entry in recorded}) == 9
    ids = tokens.encode([entry["text"] for entry in recorded])
    assert list(map(len, ids)) == [entry["tokens"] for entry in recorded]
    found = _run(graph.SerializeToString(), LAYERS, *pad(ids))
    numbers = np.array([entry["numbers"] for entry in recorded])
    assert worst_cosine(found[:, : numbers.shape[1]], numbers) >= 0.99


def _run(
    graph: bytes, layer: int, ids: NDArray[np.int64], mask: NDArray[np.int64]
) -> NDArray[np.float32]:
    return open_session(graph, CPU).run([f"layer{layer}"], ids, mask)[f"layer{layer}"]
