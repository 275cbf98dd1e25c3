"""The recorded models of each quality profile, and how their outcomes merge."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Floats
from weir_lab.default_heads.data import Outcomes

LEAST_PROMPTS = 600  # recorded outcomes below which a profile would be a guess

# Outcomes of tool calls depend more on how the tools were presented than on the model.
LEFT_OUT = "bfcl"

# Profile (the name a ModelBackend is likely to have) -> recorded names, in the data's spelling.
RECORDED: Mapping[str, tuple[str, ...]] = {
    "gpt-4o": ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
    "gpt-4o-mini": ("gpt-4o-mini-2024-07-18",),
    "gpt-4-turbo": ("gpt-4-turbo-2024-04-09", "gpt-4-1106-preview"),
    "gpt-4": ("gpt-4-0314",),
    "gpt-3.5-turbo": ("gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106"),
    "o1-preview": ("o1-preview-2024-09-12",),
    "o1-mini": ("o1-mini-2024-09-12",),
    "claude-3-5-sonnet": ("claude-3-5-sonnet-20240620", "claude-3-5-sonnet-20241022"),
    "claude-3-5-haiku": ("claude-3-5-haiku-20241022",),
    "claude-3-opus": ("claude-3-opus-20240229",),
    "claude-3-haiku": ("claude-3-haiku-20240307",),
    "gemini-1.5-pro": ("gemini-1.5-pro-002", "gemini-1.5-pro"),
    "gemini-1.5-flash": ("gemini-1.5-flash-002", "gemini-1.5-flash"),
    "grok-2": ("grok-2-1212",),
    "mistral-large": ("mistral-large-2",),
    "deepseek-v2.5": ("deepseek-v2.5-0908",),
    "deepseek-coder-v2": ("deepseek-coder-v2",),
    "llama-3.1-405b-instruct": ("llama-3.1-405b-inst@sambanova",),
    "llama-3.1-70b-instruct": ("llama-3.1-70b-instruct",),
    "llama-3.1-8b-instruct": ("llama-3.1-8b-instruct",),
    "llama-3-70b-instruct": ("llama-3-70b-instruct",),
    "llama-3-8b-instruct": ("llama-3-8b-instruct",),
    "llama-2-70b-chat": ("llama-2-70b-chat",),
    "mixtral-8x7b-instruct": ("mixtral-8x7b-instruct-v0.1",),
    "mistral-7b-instruct": (
        "mistral-7b-instruct-v0.1",
        "mistral-7b-instruct-v0.2",
        "mistral-7b-instruct-v0.3",
    ),
    "qwen2.5-72b-instruct": ("qwen2.5-72b-instruct",),
    "qwen2.5-32b-instruct": ("qwen2.5-32b-instruct",),
    "qwen2.5-7b-instruct": ("qwen2.5-7b-instruct",),
    "qwen2.5-3b-instruct": ("qwen2.5-3b-instruct",),
    "gemma-2-27b-it": ("gemma-2-27b-it",),
    "gemma-2-9b-it": ("gemma-2-9b-it",),
    "gemma-2-2b-it": ("gemma-2-2b-it",),
    "phi-3-mini": ("phi-3-mini-4k-instruct",),
    "yi-34b-chat": ("yi-34b-chat",),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Outcomes of the profiled models, and of other models on the same prompts."""

    names: tuple[str, ...]
    scores: Floats  # [prompts, profiles], NaN where not recorded
    others: Floats  # [prompts, models of no profile]


def measure(outcomes: Outcomes) -> Measured:
    """The profiles with enough outcomes, each the mean of its recorded names."""
    outside = np.where(outcomes.source == LEFT_OUT, np.nan, 1.0)[:, None].astype(np.float32)
    scores = outcomes.scores * outside
    column = {model: place for place, model in enumerate(outcomes.models)}
    merged = {
        name: _mean(scores[:, [column[model] for model in models if model in column]])
        for name, models in RECORDED.items()
    }
    arrays = {
        name: values
        for name, values in merged.items()
        if np.isfinite(values).sum() >= LEAST_PROMPTS
    }
    used = {model for models in RECORDED.values() for model in models}
    others = [place for model, place in column.items() if model not in used]
    return Measured(tuple(arrays), np.stack(list(arrays.values()), axis=1), scores[:, others])


def _mean(scores: Floats) -> Floats:
    known = np.isfinite(scores)
    count = known.sum(axis=1)
    total = np.where(known, scores, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
