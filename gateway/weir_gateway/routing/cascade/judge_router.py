"""The router `judge`: a small model rates how hard a prompt is, where a policy says so.

It stands in front of the scorer for one request at a time, remembers the score of a text, and
keeps each policy's latest scores, from which a share's threshold is read.
"""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from math import inf, nextafter
from typing import Final

from weir_gateway.domain.cascade import JUDGE_ROUTER
from weir_gateway.domain.decision import Calibration, Scored
from weir_gateway.domain.errors import RouterWarmingUp, ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.domain.table import Backend, Retention
from weir_gateway.routing.cascade.side_calls import AnswerInspector, JudgeFailed, Judges
from weir_gateway.routing.context import RoutingContext
from weir_gateway.routing.policy.compiled import CompiledPolicy
from weir_gateway.routing.ports import ScoreQuery, Scorer
from weir_policy.ids import PolicyId, RouterName
from weir_runtime.lru import LruDict

MAX_SCORES: Final = 20_000  # scores, the least used out first; about 0.2 kB each
SPREAD: Final = 1_000  # of a policy's latest scores, from which a share's threshold is read
ENOUGH: Final = 100  # of them before it is: a share of fewer is anybody's guess
POLICIES: Final = 1_000  # spreads, the least recently used evicted first


@dataclass(slots=True)
class RecentScores:
    """A policy's latest scores, in the order they came and sorted."""

    latest: deque[float] = field(default_factory=deque[float])
    ordered: list[float] = field(default_factory=list[float])

    def add(self, score: float) -> None:
        self.latest.append(score)
        insort(self.ordered, score)
        if len(self.latest) > SPREAD:
            del self.ordered[bisect_left(self.ordered, self.latest.popleft())]

    def threshold(self, share: float) -> float:
        """Where about `share` of them are at or above it; of equal scores all are, or none."""
        count = len(self.ordered)
        at = self.ordered[min(int((1 - share) * count), count - 1)]
        above = nextafter(at, inf)
        return min((at, above), key=lambda one: abs(self._at_least(one) / count - share))

    def _at_least(self, score: float) -> int:
        return len(self.ordered) - bisect_left(self.ordered, score)


class JudgeRouter:
    """Makes the Scorer of a request whose policy's router is a model."""

    def __init__(
        self, scorer: Scorer, judges: Judges | None = None, inspector: AnswerInspector | None = None
    ) -> None:
        """Without `judges` and `inspector` no model is asked, as for `weir explain`."""
        self.scorer = scorer
        self.judges = judges
        self.inspector = inspector
        self._known: LruDict[bytes, float] = LruDict(MAX_SCORES)
        self._spreads: LruDict[PolicyId, RecentScores] = LruDict(POLICIES)

    def scorer_for(self, policy: CompiledPolicy, context: RoutingContext) -> Scorer:
        """The request's own; without a `side_costs` it knows only what was rated before."""
        return JudgeScorer(self, policy, context)

    def get_score(self, key: bytes) -> float | None:
        """What was said before."""
        return self._known.get(key)

    def put_score(self, key: bytes, score: float) -> None:
        """Remember it."""
        self._known.put(key, score)

    def recent_scores(self, policy: PolicyId) -> RecentScores:
        """The policy's latest scores."""
        spread = self._spreads.get(policy)
        if spread is None:
            spread = RecentScores()
            self._spreads.put(policy, spread)
        return spread


class JudgeScorer:
    """A Scorer for one request."""

    def __init__(
        self, router: JudgeRouter, policy: CompiledPolicy, context: RoutingContext
    ) -> None:
        self._router = router
        self._policy = policy
        self._request = context.request
        self._side_costs = context.side_costs

    @property
    def bundle(self) -> BundleVersion | None:
        """The judge takes a bundle's place."""
        rater = self._policy.difficulty_judge
        return BundleVersion(rater.id) if rater is not None else None

    async def score(self, query: ScoreQuery) -> Scored:
        """The judge's verdict, within the judge's own deadline; the embedding is the scorer's.

        Raises ScorerUnavailable if there is no verdict.
        """
        rater = self._policy.difficulty_judge
        if rater is None:
            raise ScorerUnavailable("the policy names no judge")
        text = "\n".join((*query.earlier, query.text))  # the judge sees what a follow-up is about
        key = _key(rater, text)
        known = self._router.get_score(key)
        score = known if known is not None else await self._ask(rater, text, key)
        if self._side_costs is not None:
            self._router.recent_scores(self._policy.policy.id).add(score)
        return Scored(
            score,
            {},  # a judge predicts no quality
            BundleVersion(rater.id),
            JUDGE_ROUTER,
            cached=known is not None,
            embedding=await self._embedding(query) if query.want_embedding else b"",
            calibration=self.calibration(JUDGE_ROUTER),
        )

    def calibration(self, router: RouterName) -> Calibration:
        """Shares come from the judge's own latest scores of this policy's prompts."""
        del router
        return _LatestScores(self._router, self._policy.policy.id)

    async def _ask(self, rater: Backend, text: str, key: bytes) -> float:
        router, judge, side_costs = self._router, self._policy.policy.judge, self._side_costs
        if side_costs is None or judge is None or router.judges is None or router.inspector is None:
            raise ScorerUnavailable(f"judge {rater.name} is not asked where nothing is sent")
        question = router.inspector.difficulty_question(text)
        try:
            score = await router.judges.ask(judge, rater, question, self._request, side_costs)
        except JudgeFailed as failed:
            raise ScorerUnavailable(f"judge {rater.name} failed: {failed}") from failed
        router.put_score(key, score)
        return score

    async def _embedding(self, query: ScoreQuery) -> bytes:
        try:
            scored = await self._router.scorer.score(
                replace(query, router=RouterName(""), want_quality=False)
            )
        except ScorerUnavailable:
            return b""
        return scored.embedding


@dataclass(frozen=True, slots=True)
class _LatestScores:
    """The calibration of a judge: how its latest scores of one policy's prompts are spread."""

    router: JudgeRouter
    policy: PolicyId

    @property
    def fails(self) -> bool:
        """No label says anything of a judge."""
        return False

    def threshold_for_share(self, share: float) -> float | None:
        """Raises RouterWarmingUp until there are enough scores."""
        spread = self.router.recent_scores(self.policy)
        if len(spread.latest) < ENOUGH:
            raise RouterWarmingUp(
                f"the judge has rated {len(spread.latest)} prompts, and a share needs {ENOUGH}"
            )
        return spread.threshold(share)

    def threshold_for_retention(self, objective: Retention) -> float | None:
        """No judge is certified for a retention."""
        del objective
        return None


def _key(rater: Backend, text: str) -> bytes:
    """Of who judges and what is judged; a backend that is changed is asked anew."""
    digest = blake2b(digest_size=16)
    for part in (rater.id, rater.uid, rater.endpoint, rater.model, text):
        data = part.encode("utf-8", "replace")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()
