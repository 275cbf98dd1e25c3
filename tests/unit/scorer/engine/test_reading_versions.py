"""Bundles of both ways of reading: the first reads a text's head alone, the second both ends."""

from collections.abc import Iterator

import numpy as np
import pytest

from support.bundles import tiny_bundle, tiny_parts_of_both_ends, tiny_tokenizer
from weir_scorer import Bundle
from weir_scorer.build.assemble import write_bundle
from weir_scorer.engine.tokens import Tokens

FILLER = "\n".join(f"what is the sum of {n} and two" for n in range(500))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    with Bundle.open(tiny_bundle(tmp_path_factory.mktemp("old")), devices=["cpu"]) as bundle:
        yield bundle


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    path = tmp_path_factory.mktemp("new") / "bundle"
    write_bundle(tiny_parts_of_both_ends(), path)
    with Bundle.open(path, devices=["cpu"]) as bundle:
        yield bundle


def scores(bundle: Bundle, *texts: str) -> list[float]:
    return [round(float(score), 6) for score in bundle.score(texts).scores]


def test_the_end_of_a_long_text_counts_only_where_it_is_read(old: Bundle, new: Bundle) -> None:
    easy, hard = f"{FILLER}\n\nSay hello.", f"{FILLER}\n\nProve that the sum diverges."
    assert len(set(scores(old, easy, hard))) == 1
    assert len(set(scores(new, easy, hard))) == 2


def test_white_space_counts_only_where_it_is_not_collapsed(old: Bundle, new: Bundle) -> None:
    texts = "what is the sum", "what  is\tthe" + " " * 200 + "sum"
    assert len(set(scores(old, *texts))) == 2
    assert len(set(scores(new, *texts))) == 1


def test_a_bundle_says_how_it_reads(old: Bundle, new: Bundle) -> None:
    assert (old.description().reading, new.description().reading) == (1, 2)


def test_no_text_has_more_tokens_than_the_bundle_allows(new: Bundle) -> None:
    (prepared,) = new.engines[0].prepare([FILLER], "linear")
    assert prepared.tokens == 32
    assert np.all(np.isfinite(prepared.features["surface"]))


def test_tokens_are_the_first_and_the_last() -> None:
    whole = Tokens(tiny_tokenizer(), 100).encode(["what is the sum of two"])[0]
    both = Tokens(tiny_tokenizer(), 5, both_ends=True).encode(["what is the sum of two"])[0]
    head = Tokens(tiny_tokenizer(), 5).encode(["what is the sum of two"])[0]
    assert both == whole[:3] + whole[-2:]
    assert head == (*whole[:4], whole[-1])
