"""A router's good sense: its figures by hand-made scores, and the files that are read."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from weir_lab.datasets.sense import (
    PairKind,
    SenseChat,
    SensePair,
    Turns,
    load_filler,
    load_sense_chats,
    load_sense_pairs,
)
from weir_lab.errors import DataError
from weir_lab.evaluation.sense import Sampling, SenseRow, baselines, measure, spearman
from weir_lab.evaluation.sense_texts import FILLER_CHARS, SenseTest

SAMPLING = Sampling(repeats=200, seed=1)
LINE = {"id": "a", "language": "en", "kind": "natural", "easy": "hi", "hard": "prove it"}


def pair(kind: PairKind, easy: str, hard: str, language: str = "en") -> SensePair:
    return SensePair(f"{kind}-{easy}", language, kind, (easy,), (hard,))


TEST = SenseTest(
    pairs=(
        pair(PairKind.NATURAL, "hi", "prove that it ends"),
        pair(PairKind.LIKE_LENGTH, "say moo", "sort it"),
        pair(PairKind.LIKE_LENGTH, "sag muh", "sortier", "de"),
        pair(PairKind.HARD_SHORTER, "a long mail with a simple question", "prove", "de"),
    ),
    chats=(SenseChat(("hi", "thanks"), hard=False), SenseChat(("hi", "prove it"), hard=True)),
    filler=("lorem ipsum", "first line\nsecond line"),
)


def by_words(texts: Sequence[Turns], hard: Sequence[str]) -> np.ndarray:
    """1 where the last turn has one of the words."""
    return np.array([float(any(word in turns[-1] for word in hard)) for turns in texts])


def value(row: SenseRow, name: str) -> float:
    return row.figure(name).found.value


def test_a_router_that_knows_has_all_pairs_right() -> None:
    scores = by_words(TEST.texts(), ("prove", "sort"))
    row = measure(TEST, "knows", scores, SAMPLING)
    shares = [figure for figure in row.figures if figure.name != "correlation with length"]
    assert {figure.found.value for figure in shares} == {1.0}
    assert [(figure.name, figure.count) for figure in shares] == [
        ("all pairs", 4),
        ("natural", 1),
        ("like_length", 2),
        ("hard_shorter", 1),
        ("English", 2),
        ("other languages", 2),
        ("de", 2),
        ("hard after filler", 2),
        ("hard before filler", 2),
        ("chats", 2),
    ]


def test_every_figure_counts_its_own_pairs_and_a_tie_one_half() -> None:
    scores = by_words(TEST.texts(), ("prove", "sortier"))  # the English like-length pair ties
    row = measure(TEST, "half", scores, SAMPLING)
    assert value(row, "all pairs") == pytest.approx(3.5 / 4)
    assert value(row, "like_length") == pytest.approx(0.75)
    assert value(row, "English") == pytest.approx(0.75)
    assert value(row, "other languages") == 1.0
    assert value(row, "hard after filler") == pytest.approx(0.75)
    found = row.figure("all pairs").found
    assert found.low < found.value < found.high


def test_easy_above_hard_is_wrong_and_what_only_reads_the_head_misses_the_end() -> None:
    texts = TEST.texts()
    turned = measure(TEST, "turned", -by_words(texts, ("prove", "sort")), SAMPLING)
    assert value(turned, "all pairs") == value(turned, "chats") == 0.0
    heads = [(turns[-1][:2000],) for turns in texts]
    row = measure(TEST, "head", by_words(heads, ("prove", "sort")), SAMPLING)
    assert value(row, "hard after filler") == 0.5
    assert value(row, "hard before filler") == 1.0


def test_baselines_are_length_and_lots() -> None:
    length, lots = baselines(TEST, SAMPLING)
    assert (length.name, lots.name) == ("length", "lots")
    assert length.baseline
    assert lots.baseline
    assert value(length, "natural") == 1.0
    assert value(length, "like_length") == 0.5  # of equal length here
    assert value(length, "hard_shorter") == 0.0
    assert value(length, "hard after filler") == 0.5
    assert value(length, "correlation with length") == pytest.approx(1)


def test_the_correlation_is_over_crossed_prompts_alone() -> None:
    texts = TEST.texts()
    scores = np.zeros(len(texts))
    scores[:2] = 100, -100  # the natural pair: anything
    scores[2:8] = [-sum(map(len, turns)) for turns in texts[2:8]]
    assert value(measure(TEST, "x", scores, SAMPLING), "correlation with length") == pytest.approx(
        -1
    )


def test_what_is_not_there_has_no_figure() -> None:
    bare = SenseTest(TEST.pairs[:1])
    row = measure(bare, "x", np.array([0.0, 1.0]), SAMPLING)
    assert [figure.name for figure in row.figures] == ["all pairs", "natural", "English"]
    one_side = SenseTest(TEST.pairs[:1], chats=TEST.chats[:1])
    row = measure(one_side, "x", np.array([0.0, 1.0, 0.5]), SAMPLING)
    assert "chats" not in {figure.name for figure in row.figures}


def test_filler_stands_around_the_last_turn_and_each_pair_has_one_passage() -> None:
    chat = SensePair("c", "en", PairKind.LIKE_LENGTH, ("hello", "say moo"), ("hello", "sort it"))
    texts = SenseTest((chat,), filler=("lorem ipsum",)).texts()
    assert texts[:2] == (chat.easy, chat.hard)
    after, before = texts[2:4], texts[4:6]
    assert all(len(turns[-1]) >= FILLER_CHARS for turns in (*after, *before))
    assert all(turns[0] == "hello" for turns in texts)
    assert after[1][-1].endswith("\n\nsort it")
    assert before[1][-1].startswith("sort it\n\nlorem")
    assert after[0][-1].removesuffix("say moo") == after[1][-1].removesuffix("sort it")


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=30),
    st.data(),
)
def test_the_rank_correlation_is_that_of_repeated_values(
    points: list[tuple[int, int]], data: st.DataObject
) -> None:
    counts = data.draw(st.lists(st.integers(0, 3), min_size=len(points), max_size=len(points)))
    x, y = (np.repeat(np.array(axis, dtype=float), counts) for axis in zip(*points, strict=True))
    left, right = (np.array(axis, dtype=float) for axis in zip(*points, strict=True))
    if len(set(x)) < 2 or len(set(y)) < 2:
        return
    found = spearman(left, right, np.array(counts, dtype=float))
    assert found == pytest.approx(float(stats.spearmanr(x, y).statistic), abs=1e-9)
    assert not math.isnan(found)


def test_pairs_are_read_with_one_turn_or_several(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    lines = [LINE, LINE | {"id": "b", "kind": "chat", "language": "ja", "hard": ["hi", "prove it"]}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = load_sense_pairs(path)
    assert first == SensePair("a", "en", PairKind.NATURAL, ("hi",), ("prove it",))
    assert (second.language, second.kind, second.hard) == ("ja", "chat", ("hi", "prove it"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kind": "odd"}, "line 1, column 'kind': one of natural, like_length"),
        ({"easy": " "}, "line 1, column 'easy': a text is needed"),
        ({"hard": []}, "line 1, column 'hard': a text is needed"),
        ({"hard": ["hi", 7]}, "line 1, column 'hard': a text is needed"),
        ({"id": None}, "line 1, column 'id'"),
    ],
)
def test_a_pair_that_is_none_is_named(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(LINE | changed))
    with pytest.raises(DataError, match=said):
        load_sense_pairs(path)


def test_chats_need_to_say_whether_they_are_hard(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_text('{"turns": ["hi", "thanks"], "hard": false}\n')
    assert load_sense_chats(path) == TEST.chats[:1]
    path.write_text('{"turns": ["hi"], "hard": "no"}\n')
    with pytest.raises(DataError, match="column 'hard': true or false is needed"):
        load_sense_chats(path)


def test_filler_is_separated_by_lines(tmp_path: Path) -> None:
    path = tmp_path / "filler.txt"
    path.write_text("one\n--- no\n---\ntwo\n")
    assert load_filler(path) == ("one\n--- no", "two")
    path.write_text("one\n---\n")
    with pytest.raises(DataError, match="is empty"):
        load_filler(path)
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        load_filler(path)
