"""The engine through a tiny bundle: names, order, edges, and nothing computed in vain."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.bundles import TINY_DIM, TINY_PROFILES, tiny_bundle
from weir_scorer import Bundle
from weir_scorer.engine.onnx import OnnxEngine
from weir_scorer.engine.ports import Engine, EngineError, UnknownRouter

any_text = st.text(st.characters(exclude_categories=()), max_size=300)
ROUTERS = ("random", "length", "linear")
ODD_TEXTS = (
    "",
    " \n\t",
    "\0",
    "\ud800 lone \udfff",
    "🤷🏽‍♀️" * 40,
    "مرحبا، كيف الحال؟ \u202eabc",
    "[CLS] [SEP] [PAD] [UNK]",
    "a" * 5_000_000,
    "\ufdfa" * 100_000,
    "\u0301" * 1000,
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnnxEngine]:
    with Bundle.open(tiny_bundle(tmp_path_factory.mktemp("bundles")), devices=["cpu"]) as bundle:
        yield bundle.engines[0]


def scores_of(engine: Engine, texts: list[str], router: str = "linear") -> list[float]:
    prepared = engine.prepare(texts, router)
    scored = engine.run(prepared, router, want_quality=False, want_embedding=False)
    return [float(score) for score in scored.scores]


@pytest.mark.parametrize("router", ["", "default", "linear"])
def test_the_default_router_has_three_names(engine: OnnxEngine, router: str) -> None:
    assert engine.resolve(router) == "linear"


def test_an_unknown_router_is_told_which_there_are(engine: OnnxEngine) -> None:
    with pytest.raises(UnknownRouter, match="length, linear, random") as raised:
        engine.prepare(["hi"], "lineer")
    assert raised.value.known == ("length", "linear", "random")


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
def test_odd_texts_have_a_score(engine: OnnxEngine, router: str, text: str) -> None:
    (score,) = scores_of(engine, [text], router)
    assert 0 <= score <= 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(any_text, max_size=5), st.sampled_from(ROUTERS))
def test_any_texts_have_scores_in_order(engine: OnnxEngine, texts: list[str], router: str) -> None:
    together = scores_of(engine, texts, router)
    assert all(0 <= score <= 1 for score in together)
    alone = [scores_of(engine, [text], router)[0] for text in texts]
    assert together == pytest.approx(alone, abs=1e-5)


def test_a_router_without_an_encoder_tokenises_nothing(engine: OnnxEngine) -> None:
    (prepared,) = engine.prepare(["what is the sum of two"], "length")
    assert prepared.ids == ()
    assert prepared.tokens == 1
    assert list(prepared.features) == ["length"]


def test_a_router_with_one_knows_its_tokens_and_cuts_them(engine: OnnxEngine) -> None:
    short, long = engine.prepare(["what is the sum", "what is " * 1000], "linear")
    assert short.tokens == len(short.ids) == 6  # [CLS] what is the sum [SEP]
    assert long.tokens == 32  # the tiny bundle's cap
    assert list(short.features) == ["lexical"]


def test_special_tokens_that_a_user_writes_are_plain_text(engine: OnnxEngine) -> None:
    (prepared,) = engine.prepare(["[SEP]"], "linear")
    assert prepared.ids.count(3) == 1  # the one that ends every text


def test_qualities_and_embeddings_come_only_where_asked_for_and_possible(
    engine: OnnxEngine,
) -> None:
    prepared = engine.prepare(["hi", "what"], "linear")
    bare = engine.run(prepared, "linear", want_quality=False, want_embedding=False)
    full = engine.run(prepared, "linear", want_quality=True, want_embedding=True)
    assert (bare.quality, bare.embeddings) == (None, None)
    assert full.quality is not None
    assert full.embeddings is not None
    assert full.quality.shape == (2, len(TINY_PROFILES))
    assert full.embeddings.shape == (2, TINY_DIM)
    assert np.linalg.norm(full.embeddings, axis=1) == pytest.approx([1, 1], abs=1e-5)
    plain = engine.run(
        engine.prepare(["hi"], "length"), "length", want_quality=True, want_embedding=True
    )
    assert (plain.quality, plain.embeddings) == (None, None)


def test_an_empty_batch_has_no_scores(engine: OnnxEngine) -> None:
    assert engine.prepare([], "linear") == []
    assert scores_of(engine, []) == []


def test_an_engine_warms_up_and_describes_itself(engine: OnnxEngine) -> None:
    engine.warm_up()
    assert engine.device.provider == "CPUExecutionProvider"
    assert engine.device.precision == "fp32"
    assert engine.description.default_router == "linear"
    assert [router.name for router in engine.description.routers] == list(ROUTERS)


def test_a_closed_engine_says_so_and_closes_twice(tmp_path: Path) -> None:
    bundle = Bundle.open(tiny_bundle(tmp_path), devices=["cpu"])
    prepared = bundle.engines[0].prepare(["hi"], "linear")
    bundle.close()
    bundle.close()
    with pytest.raises(EngineError, match="closed"):
        bundle.engines[0].run(prepared, "linear", want_quality=False, want_embedding=False)
