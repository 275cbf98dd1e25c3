"""An evaluation's report: its baselines, slices, flips, JSON and page, on prompts made for it."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_lab.arrays import Doubles
from weir_lab.datasets import Pair
from weir_lab.evaluation import Contender, Report, Source, evaluate, render, to_json
from weir_lab.evaluation.baselines import neighbour_scores, oracle_scores
from weir_lab.evaluation.evaluate import Options
from weir_lab.evaluation.robustness import CHANGES, flips
from weir_lab.evaluation.slices import cut, largest_gaps, script
from weir_lab.metrics import Ranked, apgr, decile_curve

HARD = "Prove that"


def pair(size: int = 600, *, priced: bool = True, source: str = "desk") -> Pair:
    """Every third prompt is hard: the weak model fails there, and on nothing else."""
    hard = np.arange(size) % 3 == 0
    return Pair(
        prompts=tuple(
            f"{HARD if is_hard else 'Say'} number {k} <b>&</b>" for k, is_hard in enumerate(hard)
        ),
        weak_name="small <1>",
        strong_name="large",
        weak=np.where(hard, 0.0, 1.0),
        strong=np.ones(size),
        weak_cost=np.full(size, 1.0 if priced else np.nan),
        strong_cost=np.full(size, 10.0),
        sources=tuple(source if k % 2 else "shop" for k in range(size)),
        categories=("",) * size,
    )


def score(prompts: Sequence[str]) -> Doubles:
    """A router that knows the one word that matters, in its one spelling."""
    order = np.arange(len(prompts)) / (10 * max(len(prompts), 1))
    return np.array([0.8 if p.startswith(HARD) else 0.1 for p in prompts]) + order


def report(data: Pair, repeats: int = 30) -> Report:
    return evaluate(
        data,
        [Contender("keen", score(data.prompts), score)],
        Source("tickets & more"),
        Options(operating_share=0.3, repeats=repeats, seed=1),
    )


def test_a_perfect_router_is_found_perfect() -> None:
    found = report(pair())
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["keen", "random", "length", "oracle"]
    keen = rows["keen"].figures
    # The weak model loses a third; to keep 95 % of 1 takes .95 - 2/3 of all calls.
    assert keen.strong_calls[0.95].value == pytest.approx(0.95 - 2 / 3, abs=0.002)
    assert keen.spend[0.95].value == pytest.approx((0.1 * 0.7166 + 0.2833), abs=0.002)
    assert keen.apgr.value == pytest.approx(rows["oracle"].figures.apgr.value, abs=0.001)
    assert keen.apgr.low <= keen.apgr.value <= keen.apgr.high
    assert rows["random"].figures.apgr.value == pytest.approx(0.5, abs=0.1)
    assert not rows["keen"].baseline
    assert math.isnan(rows["random"].figures.brier.value)
    assert keen.brier.value < 0.05


def test_the_best_single_model_by_hand() -> None:
    single = report(pair()).single
    assert (single.name, single.calls, single.spend) == ("large", 1.0, 1.0)
    assert single.quality.value == single.quality.low == single.retention.high == 1.0


def test_a_weak_model_that_is_better_is_the_best_single_one() -> None:
    better = pair(9)
    turned = replace(better, weak=better.strong, strong=better.weak)
    single = report(turned).single
    assert (single.name, single.calls) == ("small <1>", 0.0)
    assert single.spend == pytest.approx(1 / 10)
    assert single.retention.value == pytest.approx(9 / 6)


def test_a_report_is_the_same_twice() -> None:
    assert to_json(report(pair())) == to_json(report(pair()))


def test_the_json_has_no_nan_and_names_everything() -> None:
    document = json.loads(to_json(report(pair(priced=False))))
    assert document["format"] == 1
    assert document["rows"][0]["figures"]["spend"]["0.95"]["value"] is None
    assert document["prompts"] == 600
    assert document["single"]["name"] == "large"
    assert any("costs are not known" in note for note in document["notes"])


class Page(HTMLParser):
    """What a browser would fetch, and the text a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize("priced", [True, False])
def test_the_page_stands_alone_and_escapes(*, priced: bool) -> None:
    page = Page()
    page.feed(render(report(pair(priced=priced, source="<script>alert(1)</script>"))))
    assert page.fetched == []
    assert "script" not in page.tags
    assert "svg" in page.tags
    text = "".join(page.text)
    assert "small <1>" in text
    assert "tickets & more" in text
    assert "best single model (large)" in text
    assert ("costs" in text) or not priced


def test_few_prompts_are_said() -> None:
    found = report(pair(10))
    assert any("only 10 prompts" in note for note in found.notes)
    assert found.details[0].slices == ()


def test_scores_that_cannot_be_parted_have_a_row_and_no_detail() -> None:
    data = pair()
    found = evaluate(
        data,
        [Contender("flat", np.full(len(data), 0.5))],
        Source("d"),
        Options(repeats=20),
    )
    assert found.rows[0].figures.apgr.value == pytest.approx(0.5)
    assert found.details == ()


def test_neighbours_learn_from_other_folds_only() -> None:
    data = pair()
    vectors = np.array([[1.0, 0] if p.startswith(HARD) else [0, 1.0] for p in data.prompts])
    found = neighbour_scores(data, vectors, seed=0)
    assert set(np.round(found, 6).tolist()) == {0.0, 1.0}
    # Vectors that know nothing but their own row's gain's name cannot find it elsewhere.
    blind = neighbour_scores(data, np.random.default_rng(0).normal(size=(600, 50)), seed=0)
    ranked = Ranked.of(blind, data.weak, data.strong)
    assert apgr(decile_curve(ranked)) == pytest.approx(0.5, abs=0.12)


def test_no_ranking_beats_the_oracle() -> None:
    data = pair()
    best = apgr(decile_curve(Ranked.of(oracle_scores(data, 0), data.weak, data.strong)))
    assert best == pytest.approx(1 / 6 + 2 / 3, abs=0.01)


def test_slices_show_who_is_served_worse() -> None:
    data = pair()
    # A router blind to one source: it sends none of that source's prompts to the strong model.
    scores = score(data.prompts) * np.array([s != "desk" for s in data.sources])
    slices = cut(data, scores, 0.5, seed=0)
    by_name = {part.name: part for part in slices if part.by == "source"}
    assert by_name["shop"].lost == pytest.approx(0)
    assert by_name["desk"].lost == pytest.approx(1 / 3)
    assert by_name["desk"].strong_share == 0
    (gap,) = [gap for gap in largest_gaps(slices) if gap.by == "source"]
    assert (gap.best, gap.worst) == ("shop", "desk")
    assert gap.lost == pytest.approx(1 / 3)
    # All prompts are of one script and one length: a slice of everything says nothing.
    assert {part.by for part in slices} == {"source"}


def test_flips_count_decisions_that_turn() -> None:
    prompts = pair(100).prompts
    found = {f.change: f for f in flips(prompts, score(prompts), 0.5, score, seed=0)}
    assert set(found) == set(CHANGES)
    assert found["lower case"].flipped == pytest.approx(0.34)
    assert found["spaces doubled"].flipped < 0.34
    assert found["courtesies added"].mean_move > 0


@given(st.text(max_size=80))
def test_changed_prompts_are_strings_and_repeatable(text: str) -> None:
    def changed() -> list[Doubles]:
        kept: list[str] = []

        def remember(prompts: Sequence[str]) -> Doubles:
            kept.extend(prompts)
            return np.zeros(len(prompts))

        flips([text], np.zeros(1), 0.5, remember, seed=3)
        return [np.array(list(map(ord, p))) for p in kept]

    for one, other in zip(changed(), changed(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What is this?", "Latin"),
        ("动物园的动物造成他人损害", "Chinese"),
        ("これは漢字を含む日本語です", "Japanese"),
        ("Что это такое", "Cyrillic"),
        ("한국어", "Korean"),
        ("123 + 4", "other"),
        ("", "other"),
    ],
)
def test_scripts(text: str, name: str) -> None:
    assert script(text) == name
