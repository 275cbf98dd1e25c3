"""What a policy's prompts have in common at their start is learned, and skipped before scoring.

A template (instructions for retrieved passages, a header with examples) is the same in every
prompt: it says nothing of the one at hand, and takes the place of what does. It counts as shared
while enough of the last different prompts begin with it, so that it is forgotten when the traffic
changes.
"""

from collections import deque
from typing import Final

from weir_policy.ids import PolicyId

SAMPLE: Final = 32  # different prompts of a policy that are compared: the last ones
ALIKE: Final = 12  # of them, at least, begin with what is skipped
SHORTEST: Final = 100  # characters; a shorter beginning may be how people ask
LONGEST: Final = 2_048  # characters that are compared and at most skipped
EVERY: Final = 8  # prompts between two comparisons, of some 50 microseconds each
LEAST_REST: Final = 3  # characters that must be left to score
MAX_POLICIES: Final = 500  # the least recently served is forgotten; about 64 KB each
_ENDING: Final = 64  # characters that tell two prompts with a long common start apart
_NEAR: Final = 0.6  # a better break is taken if it leaves that part of the start
_BREAKS: Final = ("\n", "。", ". ", ": ", "：", " ")  # noqa: RUF001 - the marks of other scripts are meant


class SharedPrefix:
    """The start that the prompts of one policy share; empty while they share none."""

    __slots__ = ("_sample", "_since", "text")

    def __init__(self) -> None:
        self.text = ""
        self._sample: deque[tuple[str, str]] = deque(maxlen=SAMPLE)  # start and ending
        self._since = 0  # prompts since the last comparison

    def observe(self, prompt: str) -> None:
        """Count a prompt, unless the sample has it: a prompt that is repeated is no template."""
        seen = prompt[:LONGEST], prompt[-_ENDING:]
        if seen in self._sample:
            return
        self._sample.append(seen)
        self._since += 1
        if self._since >= EVERY and len(self._sample) >= ALIKE:
            self._since = 0
            self.text = shared_start([start for start, _ in self._sample])

    def skipped(self, prompt: str) -> int:
        """How many characters at the start of `prompt` are not scored."""
        if not self.text or not prompt.startswith(self.text):
            return 0
        rest = prompt[len(self.text) : len(self.text) + LONGEST].strip()
        return len(self.text) if len(rest) >= LEAST_REST else 0


def shared_start(starts: list[str]) -> str:
    """The longest start that ALIKE of them have, cut where a line, sentence or word ends."""
    ordered = sorted(starts)
    longest = ""
    # Whatever share a start stand side by side, so the first and last of each run tell.
    for first, last in zip(ordered, ordered[ALIKE - 1 :], strict=False):
        length = _common(first, last)
        if length > len(longest):
            longest = first[:length]
    return longest if len(longest) == LONGEST else _whole(longest)


def _common(one: str, other: str) -> int:
    """How many characters two texts share at their start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _whole(start: str) -> str:
    """`start` up to its last break, of a line if one is near; empty where that is too short."""
    near = max(SHORTEST, int(_NEAR * len(start)))
    for mark in _BREAKS:
        end = start.rfind(mark) + len(mark)
        if end >= near:
            return start[:end]
    return ""


class SharedPrefixes:
    """The shared starts of all policies."""

    def __init__(self) -> None:
        self._policies: dict[PolicyId, SharedPrefix] = {}  # the least recently served first

    def observe(self, policy: PolicyId, prompt: str) -> None:
        """Count a prompt that a policy serves."""
        if len(prompt) < SHORTEST:
            return
        known = self._policies.pop(policy, None) or SharedPrefix()
        if len(self._policies) >= MAX_POLICIES:
            del self._policies[next(iter(self._policies))]
        self._policies[policy] = known
        known.observe(prompt)

    def skipped(self, policy: PolicyId, prompt: str) -> int:
        """How many characters at the start of a policy's prompt are not scored."""
        if len(prompt) < SHORTEST:
            return 0
        known = self._policies.get(policy)
        return 0 if known is None else known.skipped(prompt)
