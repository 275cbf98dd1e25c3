"""Look a request up in the response cache: exactly before scoring, semantically after it."""

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import Final, Protocol

from weir_gateway.domain.cache import (
    NO_LOOKUP,
    CachedResponse,
    CacheLookup,
    CacheRules,
    CacheState,
    similarity,
)
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import ScorerUnavailable
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Backend, Passthrough
from weir_gateway.routing.cache.key import Keys, NoKey, keys
from weir_gateway.routing.policy.compiled import PolicyMatch
from weir_policy.spec.backend import Capability
from weir_policy.spec.cache import CacheScope
from weir_policy.spec.policy import Mode
from weir_wires.wire import Wire

ON_LOOP: Final = 32 * 1024  # bytes; making the key of more takes about a millisecond: off the loop
LARGEST: Final = 512 * 1024  # bytes of a request that takes part
_CREDENTIALS: Final = ("authorization", "x-api-key", "api-key")


class ResponseCache(Protocol):
    """Answers that are kept to be given again; bounded, forgets the least used first."""

    async def get(self, key: bytes) -> CachedResponse | None:
        """The answer kept under `key`; None where there is none, or none in time. Never raises."""
        ...

    def put(self, key: bytes, answer: CachedResponse, seconds: float) -> None:
        """Keep it for `seconds`, unless it is too large. Never blocks, never raises."""
        ...


class CacheReader:
    """Looks answers up for policies that have a cache."""

    def __init__(self, answers: ResponseCache) -> None:
        self._answers = answers

    async def lookup_exact(
        self, matched: PolicyMatch, request: Request, ordered: Backend | None
    ) -> CacheLookup:
        """What is kept for the very same request; `ordered` is who a rule says must answer it."""
        policy = matched.policy.policy
        rules = policy.cache
        if rules is None:
            return NO_LOOKUP
        why = _takes_no_part(matched, request, rules)
        if why:
            return CacheLookup(CacheState.BYPASS, why)
        try:
            made = await _keys(matched, request, ordered, rules)
        except NoKey as unfit:
            return CacheLookup(CacheState.BYPASS, str(unfit))
        exact = made.exact_key if rules.exact else b""
        if {"no-cache", "max-age=0"} & _directives(request):
            why = "the client asks for a fresh answer"
            return CacheLookup(CacheState.BYPASS, why, exact, made.semantic_key, reads=False)
        answer = await self._find(exact, matched, ordered)
        state = CacheState.MISS if answer is None else CacheState.HIT
        return CacheLookup(state, "", exact, made.semantic_key, response=answer)

    async def lookup_semantic(
        self, lookup: CacheLookup, scored: Scored | ScorerUnavailable | None, matched: PolicyMatch
    ) -> CacheLookup:
        """`looked` with what is kept for a request that means the same, and the embedding."""
        rules = matched.policy.policy.cache
        if not lookup.semantic_key or rules is None:
            return lookup
        if (
            not isinstance(scored, Scored) or not scored.embedding
        ):  # the router computes none: nothing can be compared or kept
            return replace(lookup, semantic_key=b"")
        lookup = replace(lookup, embedding=scored.embedding)
        answer = await self._find(lookup.semantic_key, matched, None) if lookup.reads else None
        if answer is None:
            return lookup
        alike = similarity(answer.embedding, scored.embedding)
        if alike < rules.similarity:
            return replace(lookup, similarity=alike)
        return replace(lookup, state=CacheState.SEMANTIC, response=answer, similarity=alike)

    async def _find(
        self, key: bytes, matched: PolicyMatch, ordered: Backend | None
    ) -> CachedResponse | None:
        answer = await self._answers.get(key) if key else None
        if answer is None or backend_of(answer, matched, ordered) is None:
            return None
        return answer


def backend_of(
    answer: CachedResponse, matched: PolicyMatch, ordered: Backend | None
) -> Backend | None:
    """Who gave `answer`; None where the policy has that candidate no more."""
    may = (ordered,) if ordered is not None else matched.policy.policy.candidates
    return next((backend for backend in may if backend.id == answer.backend), None)


async def _keys(
    matched: PolicyMatch, request: Request, ordered: Backend | None, rules: CacheRules
) -> Keys:
    where = _where(matched, request, ordered, rules)
    # A rule needs no score, so that there is no embedding to tell meanings by.
    by_meaning = rules.semantic > 0 and ordered is None
    if len(request.body) > ON_LOOP:
        return await asyncio.to_thread(keys, request, where, by_meaning=by_meaning)
    return keys(request, where, by_meaning=by_meaning)


def _where(
    matched: PolicyMatch, request: Request, ordered: Backend | None, rules: CacheRules
) -> tuple[str, ...]:
    """Among which requests a request is compared: those of its policy, scope and answerers."""
    mine = request.key.name if rules.scope is CacheScope.KEY and request.key else ""
    chosen = "" if matched.threshold is None else f"{matched.router}@{matched.threshold}"
    return (
        matched.policy.candidates_digest,
        rules.scope.value,
        mine,
        ordered.id if ordered is not None else "",
        chosen,
        _passed_through(matched, request),
    )


def _passed_through(matched: PolicyMatch, request: Request) -> str:
    """Whose account answers, where that is the client's own: its credentials' hash."""
    if not any(isinstance(b.auth, Passthrough) for b in matched.policy.policy.candidates):
        return ""
    credentials = [request.headers.get(name, "") for name in _CREDENTIALS]
    return sha256("\0".join(credentials).encode("utf-8", "surrogatepass")).hexdigest()


def _takes_no_part(matched: PolicyMatch, request: Request, rules: CacheRules) -> str:
    """Why neither a kept answer may be given nor this one's kept; empty where both may."""
    warm, most = request.facts.temperature, rules.temperature
    samples = request.wire is not Wire.OPENAI_EMBEDDINGS
    why = (
        (matched.policy.policy.mode is Mode.SHADOW, "the policy only watches"),
        ("no-store" in _directives(request), "the client says no-store"),
        (Capability.STATE in request.needs, "it needs what a provider keeps"),
        (request.stores, "its answer is stored by the provider"),
        (len(request.body) > LARGEST, "it is too large"),
        (samples and warm > most, f"temperature {warm:g}, the policy caches up to {most:g}"),
    )
    return next((reason for holds, reason in why if holds), "")


def _directives(request: Request) -> frozenset[str]:
    control = request.headers.get("cache-control")
    if not control:
        return frozenset()
    return frozenset(word.strip().lower().replace(" ", "") for word in control.split(","))
