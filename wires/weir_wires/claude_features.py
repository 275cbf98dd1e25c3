"""What a Claude model of a given name takes, for the fields whose form depends on the model.

A name that is no Claude's is some other server that speaks Anthropic's wire: it gets the wire's
oldest forms, which all of them know (decision 65). Must not know requests.
"""

import re
from dataclasses import dataclass
from typing import Final

_Version = tuple[int, int]

_VERSION: Final = re.compile(
    r"claude-(?:[a-z]+-)?(?P<major>\d{1,2})(?!\d)(?:[-.](?P<minor>\d{1,2})(?!\d))?"
)
_NAME: Final = "claude"
_NEWEST: Final[_Version] = (99, 0)  # a Claude that tells no version, such as a preview
_ADAPTIVE: Final[_Version] = (4, 6)
_NO_SAMPLING: Final[_Version] = (4, 7)
_ONE_SAMPLING: Final[_Version] = (4, 1)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What this model's endpoint takes."""

    effort: bool  # thinks by effort; else by a budget of tokens
    highest_effort: bool  # knows `xhigh`
    sampling: bool  # takes temperature, top_p and top_k at all
    sampling_together: bool  # takes temperature and top_p in one request


_OTHER: Final = Abilities(effort=False, highest_effort=False, sampling=True, sampling_together=True)


def abilities(model: str) -> Abilities:
    """What the model named `model` takes."""
    name = model.lower()
    if _NAME not in name:
        return _OTHER
    version = _version(name)
    return Abilities(
        effort=version >= _ADAPTIVE,
        highest_effort=version >= _NO_SAMPLING,
        sampling=version < _NO_SAMPLING,
        sampling_together=version < _ONE_SAMPLING,
    )


def _version(name: str) -> _Version:
    found = _VERSION.search(name)
    return (int(found["major"]), int(found["minor"] or 0)) if found else _NEWEST
