"""What a model takes, read from the names that providers give it."""

import pytest

from weir_wires.model_features import (
    ClaudeFeatures,
    claude_features,
    takes_reasoning_effort,
    takes_sampling,
)

BUDGETS = ClaudeFeatures(effort=False, highest_effort=False, sampling=True, sampling_together=False)
OLDEST = ClaudeFeatures(effort=False, highest_effort=False, sampling=True, sampling_together=True)
EFFORT = ClaudeFeatures(effort=True, highest_effort=False, sampling=True, sampling_together=False)
NEWEST = ClaudeFeatures(effort=True, highest_effort=True, sampling=False, sampling_together=False)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("claude-3-5-sonnet-20241022", OLDEST),
        ("claude-opus-4-20250514", OLDEST),
        ("claude-opus-4-1@20250805", BUDGETS),
        ("claude-sonnet-4-5-20250929", BUDGETS),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", BUDGETS),
        ("claude-opus-4-6", EFFORT),
        ("Claude-Sonnet-4-6", EFFORT),
        ("claude-opus-4-7", NEWEST),
        ("anthropic/claude-4.7-opus", NEWEST),
        ("claude-sonnet-5", NEWEST),
        ("claude-haiku-5-5", NEWEST),
        ("claude-sonnet-10", NEWEST),
        ("claude-mythos-preview", NEWEST),
        ("qwen3-8b", OLDEST),
        ("", OLDEST),
    ],
)
def test_claude(model: str, expected: ClaudeFeatures) -> None:
    assert claude_features(model) == expected


@pytest.mark.parametrize(
    ("model", "reasons", "samples"),
    [
        ("o1", True, False),
        ("o3-mini-2025-01-31", True, False),
        ("gpt-5", True, False),
        ("azure/GPT-5.2-chat", True, False),
        ("gpt-oss-120b", True, True),
        ("openai/gpt-oss:20b", True, True),
        ("gpt-4.1", False, True),
        ("gpt-4o-mini", False, True),
        ("gpt-3.5-turbo", False, True),
        ("chatgpt-4o-latest", False, True),
        ("llama-3.1-8b", False, True),
        ("phi-4", False, True),
    ],
)
def test_openai(model: str, reasons: bool, samples: bool) -> None:  # noqa: FBT001 - columns of the table
    assert takes_reasoning_effort(model) is reasons
    assert takes_sampling(model) is samples
