"""Which session and which agent's conversation a request belongs to."""

import hashlib
from typing import Final

from weir_agents.facts import AgentFacts
from weir_gateway.domain.request import Request
from weir_gateway.domain.session import AgentState, SessionKeys
from weir_gateway.routing.policy.variants import SESSION_HEADER, session_key
from weir_policy.ids import PolicyId

# What agents' programs call their session, across compactions and with all sub-agents: Claude Code,
# Codex and opencode.
CLIENTS_HEADERS: Final = (
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "x-session-affinity",
)


def session_keys(policy: PolicyId, request: Request) -> SessionKeys | None:
    """None where nothing tells the conversation.

    The session is what the client names in x-weir-session or in its program's own header, else how
    the conversation began. That beginning tells the main agent's from a sub-agent's.
    """
    task = _clients_session(policy, request) or session_key(policy, request)
    if not task:
        return None
    return SessionKeys(task, _digest(task, *request.opening))


def _clients_session(policy: PolicyId, request: Request) -> str:
    """The session by the program's own name for it, within its client key and user."""
    headers = request.headers
    if SESSION_HEADER in headers:
        return ""
    name = next((one for one in CLIENTS_HEADERS if headers.get(one)), "")
    if not name:
        return ""
    key = request.key.name if request.key is not None else ""
    return _digest(policy, name, headers[name], key, request.facts.user)


def _digest(*parts: str) -> str:
    digest = hashlib.blake2b(digest_size=16, person=b"weir-session")
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


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
