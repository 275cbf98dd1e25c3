"""A cache of scores by text hash: a Scorer in front of a Scorer.

Bounded by entries, least recently used evicted first, and cleared when the scorer's bundle
changes. Prompts are not stored.
"""

from dataclasses import replace

from weir_gateway.adapters.scorer.prompts import digest
from weir_gateway.domain.decision import Calibration, Scored
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.routing.ports import ScoreQuery, Scorer
from weir_policy.ids import RouterName
from weir_runtime.lru import LruDict
from weir_runtime.metrics import Counter, Family, Registry

LABELS = ("policy", "cache", "result")  # of weir.cache.requests

Key = tuple[str, bool, bool, bytes]


def cache_requests(registry: Registry) -> Family[Counter]:
    """Declare weir.cache.requests, which all caches share."""
    return registry.counter("weir.cache.requests", "Look-ups by cache and result.", LABELS)


class ScoreCache:
    """Answers from the cache, else from the scorer."""

    def __init__(self, scorer: Scorer, *, entries: int, requests: Family[Counter]) -> None:
        """`requests` is weir.cache.requests{policy, cache, result}; `entries` 0 stores nothing."""
        self._scorer = scorer
        self._bundle: BundleVersion | None = None
        self._entries: LruDict[Key, Scored] = LruDict(entries)
        self._hit = requests.labels("", "score", "hit")
        self._miss = requests.labels("", "score", "miss")

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bundle(self) -> BundleVersion | None:
        """The scorer's bundle."""
        return self._scorer.bundle

    async def score(self, query: ScoreQuery) -> Scored:
        """Score a text. Raises ScorerUnavailable if it is not cached and the scorer fails."""
        key = (query.router, query.want_quality, query.want_embedding, digest(query))
        known = self._look_up(key)
        if known is not None:
            self._hit.value += 1
            return known
        self._miss.value += 1
        scored = await self._scorer.score(query)
        self._keep(key, scored)
        return scored

    def calibration(self, router: RouterName) -> Calibration:
        return self._scorer.calibration(router)

    def _look_up(self, key: Key) -> Scored | None:
        bundle = self._scorer.bundle
        if bundle != self._bundle:
            self._entries.clear()
            self._bundle = bundle
        return self._entries.get(key)

    def _keep(self, key: Key, scored: Scored) -> None:
        if scored.bundle != self._scorer.bundle:  # a replica that runs another bundle
            return
        if scored.bundle != self._bundle:
            self._entries.clear()
            self._bundle = scored.bundle
        self._entries.put(key, replace(scored, cached=True))
