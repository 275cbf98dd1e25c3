"""What a model of a given name takes, for the fields whose form depends on the model.

A name that is neither a reasoning model of OpenAI nor a Claude belongs to some other server: it
gets the oldest forms of the wire, which every server knows (decision 65).
"""

import re
from dataclasses import dataclass
from typing import Final

_Version = tuple[int, int]

_OPENAI: Final = re.compile(r"(^|[/.:])(chatgpt-|gpt-(?!oss)|o[1-9](-|$))")
_OPENAI_REASONING: Final = re.compile(r"(^|[/.:])(o[1-9](-|$)|gpt-([5-9]|\d\d)|gpt-oss)")
_OPENAI_SAMPLING: Final = re.compile(r"gpt-oss")
_STRICT: Final = re.compile(
    r"(^|[/.:])(gpt-[3-9]|chatgpt|o[1-9](-|$)|(open-)?mi[sx]tral|ministral|magistral|codestral|devstral)"
)
_CLAUDE: Final = "claude"
_CLAUDE_VERSION: Final = re.compile(
    r"claude-(?:[a-z]+-)?(?P<major>\d{1,2})(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?"
)
_NEWEST: Final[_Version] = (99, 0)  # a Claude without a version, such as a preview
_ADAPTIVE: Final[_Version] = (4, 6)
_NO_SAMPLING: Final[_Version] = (4, 7)
_ONE_SAMPLING: Final[_Version] = (4, 1)


@dataclass(frozen=True, slots=True)
class ClaudeFeatures:
    """What a model's endpoint takes on Anthropic's wire."""

    effort: bool  # thinks by effort; else by a budget of tokens
    highest_effort: bool  # knows `xhigh`
    sampling: bool  # takes temperature, top_p and top_k at all
    sampling_together: bool  # takes temperature and top_p in one request


_NOT_CLAUDE: Final = ClaudeFeatures(
    effort=False, highest_effort=False, sampling=True, sampling_together=True
)


def is_openai(model: str) -> bool:
    """Whether it is one of OpenAI's own models, on whatever endpoint."""
    return _OPENAI.search(model.lower()) is not None


def takes_reasoning_effort(model: str) -> bool:
    """Whether it takes `reasoning_effort`, and its limit by `max_completion_tokens` alone."""
    return _OPENAI_REASONING.search(model.lower()) is not None


def takes_sampling(model: str) -> bool:
    """Whether it takes temperature and top_p: OpenAI's own reasoning models do not."""
    return not takes_reasoning_effort(model) or _OPENAI_SAMPLING.search(model.lower()) is not None


def takes_extras(model: str) -> bool:
    """Whether it takes fields of other providers on calls: OpenAI and Mistral refuse unknown ones.

    A conversation may move to it from the model that wrote them.
    """
    return _STRICT.search(model.lower()) is None


def claude_features(model: str) -> ClaudeFeatures:
    """What the model of this name takes."""
    name = model.lower()
    if _CLAUDE not in name:
        return _NOT_CLAUDE
    version = _claude_version(name)
    return ClaudeFeatures(
        effort=version >= _ADAPTIVE,
        highest_effort=version >= _NO_SAMPLING,
        sampling=version < _NO_SAMPLING,
        sampling_together=version < _ONE_SAMPLING,
    )


def _claude_version(name: str) -> _Version:
    match = _CLAUDE_VERSION.search(name)
    return (int(match["major"]), int(match["minor"] or 0)) if match else _NEWEST
