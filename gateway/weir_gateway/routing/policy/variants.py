"""Assign one of the policy's variants: the same one to every request of a conversation.

The draw is a hash of the conversation, so every gateway draws alike. A request whose client names
a model or a threshold has no variant.
"""

import hashlib
from dataclasses import replace
from typing import Final

from weir_gateway.domain.decision import AssignedVariant
from weir_gateway.domain.request import Request
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_policy.ids import PolicyId

DIGITS: Final = 16  # of a unit's name in the ledger: enough to tell a billion conversations apart
_ALL: Final = 2.0**64


SESSION_HEADER: Final = "x-weir-session"


def session_key(policy: PolicyId, request: Request) -> str:
    """Which conversation a request belongs to, within its policy; empty where nothing tells.

    The client's own word in x-weir-session, else a hash of user, system prompt and first user turn.
    """
    header = request.headers.get(SESSION_HEADER)
    parts = ("header", header) if header else ("opening", request.facts.user, *request.opening)
    if not header and not request.opening:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for part in (policy, *parts):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def assign_variant(matched: PolicyMatch, request: Request) -> PolicyMatch:
    """`matched` with the policy as its variant has it; unchanged where there are none."""
    compiled = matched.policy
    if not compiled.variants or matched.direct is not None or matched.threshold is not None:
        return matched
    unit = unit_of(matched, request)
    total = sum(one.variant.weight for one in compiled.variants)
    left = bucket_of(compiled.policy.id, unit) * total
    chosen = compiled.variants[-1]
    for one in compiled.variants:
        left -= one.variant.weight
        if left < 0:
            chosen = one
            break
    variant = chosen.variant
    assigned = AssignedVariant(variant.name, variant.weight / total, unit[:DIGITS])
    return replace(matched, policy=chosen.policy, variant=assigned)


def unit_of(matched: PolicyMatch, request: Request) -> str:
    """The conversation; where nothing tells it, who asks; else the request itself. As a hash."""
    policy = matched.policy.policy.id
    conversation = session_key(policy, request)
    if conversation:
        return conversation
    who = request.facts.user or (request.key.name if request.key is not None else "")
    unit_bytes = who.encode("utf-8", "surrogatepass") if who else request.body
    return hashlib.blake2b(unit_bytes, digest_size=16, key=policy.encode()[:64]).hexdigest()


def bucket_of(policy: str, unit: str) -> float:
    """Where in [0,1) a conversation lies, within its policy."""
    seed = f"{policy}\n{unit}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(seed, digest_size=8, person=b"weir-variant").digest()
    return int.from_bytes(digest, "big") / _ALL
