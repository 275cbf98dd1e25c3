"""The sense pairs as training reads them: weighed, composed and left out together."""

import numpy as np

from weir_lab.default_heads.sense import PASTED_WEIGHT, SenseColumns, load_sense_pairs

PAIRS = load_sense_pairs(seed=1)


def test_every_pair_stands_alone_and_twice_in_pasted_text() -> None:
    written = PAIRS.kind != "filled"
    assert np.count_nonzero(written) * 3 == len(PAIRS.kind)
    assert len(PAIRS.prompts) == 2 * len(PAIRS.kind)
    assert set(PAIRS.weights[written].tolist()) == {1.0}
    assert set(PAIRS.weights[~written].tolist()) == {PASTED_WEIGHT}
    assert sum(PAIRS.languages.values()) == np.count_nonzero(written)


def test_both_prompts_of_a_pair_stand_in_the_same_text() -> None:
    written = np.count_nonzero(PAIRS.kind != "filled")
    easy, hard = PAIRS.prompts[0:2]
    after, before = (PAIRS.prompts[2 * written * k : 2 * written * k + 2] for k in (1, 2))
    assert after[0].removesuffix(easy) == after[1].removesuffix(hard)
    assert before[0].removeprefix(easy) == before[1].removeprefix(hard)
    assert len(after[0]) > len(easy)


def test_the_same_seed_gives_the_same_texts() -> None:
    assert load_sense_pairs(seed=1).prompts == PAIRS.prompts
    assert load_sense_pairs(seed=2).prompts != PAIRS.prompts


def test_a_pair_is_left_out_with_all_its_copies() -> None:
    rows = np.arange(2 * len(PAIRS.kind), dtype=np.float32)[:, None]
    rest = SenseColumns(PAIRS, rows).without(PAIRS.fold == "de")
    assert "de" not in set(rest.pairs.fold.tolist())
    assert len(rest.rows) == len(rest.pairs.prompts) == 2 * len(rest.pairs.weights)
    assert len(rest.pairs.kind) == np.count_nonzero(PAIRS.fold != "de")
    first = int(rest.rows[0, 0])
    assert rest.pairs.prompts[0] == PAIRS.prompts[first]


def test_english_is_left_out_by_subjects() -> None:
    groups = {fold for fold in PAIRS.fold.tolist() if fold.startswith("en ")}
    assert len(groups) > 1
    assert "en" not in set(PAIRS.fold.tolist())
