"""Who a client is and what it may do: a key, known by its hash alone."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from weir_gateway.domain.ids import KeyName, PolicyId
from weir_gateway.domain.limits import NO_LIMIT, Allowance


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One client key's rights; they narrow what a policy exposes and never widen it."""

    name: KeyName
    policies: tuple[str, ...] = ("*",)  # patterns of "namespace/name"
    direct: bool = True  # may call backends by their own names
    client_threshold: bool = True  # may choose a router and threshold by `model`
    expires: float | None = None  # seconds since 1970; None: never
    limits: Allowance = NO_LIMIT  # over all policies
    feedback: bool = True  # may give feedback on its answers
    feedback_weight: float = 1.0  # how much that counts, relative to other keys'

    def may_use(self, policy: PolicyId) -> bool:
        """Whether a request may be served by `policy`."""
        return any(fnmatchcase(policy, pattern) for pattern in self.policies)
