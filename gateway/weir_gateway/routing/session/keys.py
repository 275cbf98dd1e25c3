"""Which session and which agent's conversation a request belongs to."""

import hashlib

from weir_agents.facts import AgentFacts
from weir_gateway.domain.request import Request
from weir_gateway.domain.session import AgentState, SessionKeys
from weir_gateway.routing.policy.variants import session_key
from weir_policy.ids import PolicyId


def session_keys(policy: PolicyId, request: Request) -> SessionKeys | None:
    """None where nothing tells the conversation.

    A client names a session in x-weir-session. How each conversation in it began tells the main
    agent's from a sub-agent's.
    """
    task = session_key(policy, request)
    if not task:
        return None
    digest = hashlib.blake2b(task.encode(), digest_size=16, person=b"weir-agent")
    for part in request.opening:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return SessionKeys(task, digest.hexdigest())


def request_mark(facts: AgentFacts) -> str:
    """The same for a request that is sent again."""
    return f"{facts.turns}.{facts.results}.{facts.result_chars}.{facts.user_turns}"


def acts(facts: AgentFacts) -> bool:
    """Whether it is an agent's conversation: a tool was called, or gave something back."""
    return facts.calls > 0 or facts.results > 0


def user_wrote(facts: AgentFacts) -> bool:
    """Whether the user's own message is the last one."""
    return not acts(facts) or facts.turns_since_user == 0


def edits_before(facts: AgentFacts, known: AgentState) -> int:
    """Edits before the user's last message; none after a compaction, which forgets them."""
    return known.edits if known.edits <= facts.edits else 0
