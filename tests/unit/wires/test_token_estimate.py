"""Token counts by script: close to what a tokenizer of today counts, and never costly."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_wires.token_estimate import SAMPLE, estimate_tokens

# Texts, and the count of OpenAI's o200k tokenizer for each.
COUNTED: dict[str, tuple[str, int]] = json.loads(
    Path(__file__).with_name("token_counts.json").read_text("utf-8")
)


@pytest.mark.parametrize("kind", COUNTED)
def test_a_short_text_is_within_a_fifth(kind: str) -> None:
    text, counted = COUNTED[kind]
    assert estimate_tokens(text) == pytest.approx(counted, rel=0.2)


def test_mixed_text_is_within_a_twentieth() -> None:
    text = "\n".join(text for text, _ in COUNTED.values())
    assert estimate_tokens(text) == pytest.approx(sum(n for _, n in COUNTED.values()), rel=0.05)
    assert estimate_tokens("word " * 440) == pytest.approx(441, rel=0.05)


def test_a_long_text_is_judged_by_a_sample_of_it() -> None:
    text = "\n".join(text for text, _ in COUNTED.values())
    times = 4 * SAMPLE // len(text)
    assert estimate_tokens(text * times) == pytest.approx(estimate_tokens(text) * times, rel=0.03)


@given(st.text(max_size=300), st.text(max_size=300))
def test_counts_are_positive_and_add_up(one: str, other: str) -> None:
    assert (estimate_tokens(one) > 0) is bool(one)
    parts = estimate_tokens(one) + estimate_tokens(other)
    assert estimate_tokens(f"{one} {other}") == pytest.approx(parts, abs=4)
