"""The recorded public data: what must hold of it, and RouteLLM's length baseline on MMLU."""

import os
from pathlib import Path

import numpy as np
import pytest

from weir_lab.datasets import find_leaks, load_battles, load_outcomes, load_pair
from weir_lab.metrics import Ranked, apgr, decile_curve

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("WEIR_DATA_DIR", ROOT.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not DATA.is_dir(), reason="no recorded data: set WEIR_DATA_DIR to its folder"
    ),
]


def test_length_alone_on_mmlu_is_what_is_known_of_it() -> None:
    pair = load_pair(DATA / "routellm_mmlu.parquet")
    assert len(pair) == 14_037
    lengths = np.array([len(prompt) for prompt in pair.prompts], dtype=np.float64)
    curve = decile_curve(Ranked.of(lengths, pair.weak, pair.strong))
    assert apgr(curve) == pytest.approx(0.583, abs=0.001)


def test_the_recorded_outcomes_are_whole() -> None:
    outcomes = load_outcomes(DATA)
    assert len(outcomes) > 28_000
    assert set(outcomes.sources) >= {"mmlu_pro", "routerbench", "bfcl"}
    held_out = load_pair(DATA / "routellm_mmlu.parquet").prompts
    assert find_leaks(outcomes.prompts, held_out).any.mean() < 0.001
    assert len(load_battles(DATA)) > 10_000
