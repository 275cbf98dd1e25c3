"""Conversations: the last turn is scored, and what it asks about counts by a stated weight."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from support.bundles import tiny_bundle, tiny_parts_of_both_ends
from weir_scorer import Bundle, Chat
from weir_scorer.build.assemble import write_bundle
from weir_scorer.engine.ports import Scores
from weir_scorer.features.turns import FOLLOW_UP

HARD = "what is the sum of the two theorems that Riesz proved"
CHAT = Chat("and why?", ("hi", HARD))


@pytest.fixture(scope="module", params=[1, 2])
def bundle(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    path = folder / "both" if request.param == 2 else tiny_bundle(folder)
    if request.param == 2:
        write_bundle(tiny_parts_of_both_ends(), path)
    with Bundle.open(path, devices=["cpu"]) as opened:
        yield opened


def scored(bundle: Bundle, *prompts: str | Chat) -> Scores:
    return bundle.score(prompts, want_quality=True, want_embedding=True)


def odds(scores: Sequence[float]) -> list[float]:
    return [math.log(score / (1 - score)) for score in scores]


def test_a_follow_up_has_a_part_of_the_score_of_what_it_asks_about(bundle: Bundle) -> None:
    found = scored(bundle, "and why?", HARD, CHAT)
    last, earlier, both = odds(found.scores.tolist())
    assert both == pytest.approx(last + FOLLOW_UP * (earlier - last), abs=1e-4)
    assert found.quality is not None
    assert found.embeddings is not None
    mixed = found.quality[0] + FOLLOW_UP * (found.quality[1] - found.quality[0])
    assert found.quality[2] == pytest.approx(mixed, abs=1e-4)
    assert found.embeddings[2] == pytest.approx(found.embeddings[0], abs=1e-4)


def test_a_closing_and_a_question_of_its_own_score_as_if_alone(bundle: Bundle) -> None:
    for last in ("thanks!", "what is the sum of two and two, and of two and the sum of two?"):
        alone, chat = scored(bundle, last, Chat(last, (HARD,))).scores.tolist()
        assert chat == pytest.approx(alone, abs=1e-6)


def test_chats_and_texts_of_one_batch_keep_their_order(bundle: Bundle) -> None:
    mixed: list[str | Chat] = ["hi", CHAT, HARD, Chat("go on", (HARD,)), "two"] * 20
    together = scored(bundle, *mixed).scores
    alone = np.array([float(scored(bundle, prompt).scores[0]) for prompt in mixed])
    assert together == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("router", ["random", "length"])
def test_routers_without_an_encoder_read_chats_too(bundle: Bundle, router: str) -> None:
    (score,) = bundle.score([CHAT], router).scores.tolist()
    assert 0 <= score <= 1
