"""What an OpenAI model of a given name takes, for the fields whose form depends on the model.

A name that is no reasoning model's of OpenAI gets the forms that every server of this wire knows.
Must not know requests.
"""

import re
from typing import Final

_REASONS: Final = re.compile(r"(^|[/.:])(o[1-9](-|$)|gpt-([5-9]|\d\d)|gpt-oss)")
_SAMPLES: Final = re.compile(r"gpt-oss")


def reasons(model: str) -> bool:
    """Whether it takes `reasoning_effort`, and its limit by `max_completion_tokens` alone."""
    return _REASONS.search(model.lower()) is not None


def samples(model: str) -> bool:
    """Whether it takes temperature and top_p: OpenAI's own reasoning models do not."""
    return not reasons(model) or _SAMPLES.search(model.lower()) is not None
