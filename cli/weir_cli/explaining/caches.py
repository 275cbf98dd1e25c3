"""What a policy's caches would do with a request, in words. Must not know what they hold."""

from weir_gateway.domain.cache import CacheRules, CacheState, Looked
from weir_gateway.domain.decision import Reason, RouteDecision


def caches(rules: CacheRules | None, decision: RouteDecision) -> str:
    """Whether an answer would be looked up and how; why not, where it would not be."""
    looked = decision.cache
    if rules is None:
        return "off"
    if decision.reason is Reason.DIRECT:
        return "bypass: the model was named"
    if looked.state is CacheState.BYPASS:
        return f"bypass: {looked.why}"
    shared = "shared within the policy" if rules.scope == "policy" else "per client key"
    return f"{', '.join(_ways(rules, looked))}; {shared}"


def _ways(rules: CacheRules, looked: Looked) -> list[str]:
    ways: list[str] = []
    if rules.exact:
        ways.append(f"the very same request within {rules.exact:g} s")
    if looked.meaning:
        alike = f"similarity {rules.similarity:g}"
        ways.append(f"one of the same wording and {alike} within {rules.semantic:g} s")
    elif rules.semantic:
        ways.append("not by meaning: no embedding, or no one last text of the user")
    return ways
