"""The gateway's Scorer port over a bundle in this process, without a scorer or a socket."""

import asyncio

from weir_gateway.adapters.scorer.router_calibration import Certified, RouterCalibration
from weir_gateway.domain.decision import UNCALIBRATED, Calibration, Scored
from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion
from weir_gateway.routing.ports import ScoreQuery
from weir_policy.ids import RouterName
from weir_scorer import Bundle
from weir_scorer.engine.ports import Calibration as Described
from weir_scorer.engine.ports import UnknownRouter
from weir_scorer.features.turns import as_prompt


class InProcessScorer:
    """Scores with `bundle`; thresholds come from its calibration, as they do over the wire."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._calibrations = {
            router.name: _calibration(router.calibration) for router in bundle.description().routers
        }
        doubts = zip(bundle.profiles, bundle.description().profile_doubts, strict=False)
        self._doubts = {profile: doubt for profile, doubt in doubts if doubt > 0}

    @property
    def bundle(self) -> BundleVersion:
        """The bundle's name@digest."""
        return BundleVersion(self._bundle.version)

    async def score(self, query: ScoreQuery) -> Scored:
        """Score one text. Raises NoSuchRouter, and ScorerUnavailable after the time-out."""
        try:
            async with asyncio.timeout(query.timeout):
                return await asyncio.to_thread(self.score_now, query)
        except TimeoutError as late:
            raise ScorerUnavailable(f"no score within {query.timeout:g} s") from late

    def score_now(self, query: ScoreQuery) -> Scored:
        """Score one text in this thread, without a deadline. Raises NoSuchRouter."""
        try:
            name = self._bundle.engines[0].resolve(query.router)
        except UnknownRouter as unknown:
            raise NoSuchRouter(str(unknown)) from unknown
        scores = self._bundle.score(
            [as_prompt((*query.earlier, query.text))],
            name,
            want_quality=query.want_quality,
            want_embedding=query.want_embedding,
        )
        quality = (
            {}
            if scores.quality is None
            else dict(zip(self._bundle.profiles, map(float, scores.quality[0]), strict=True))
        )
        return Scored(
            float(scores.scores[0]),
            quality,
            self.bundle,
            RouterName(name),
            doubts=self._doubts,
            embedding=b"" if scores.embeddings is None else scores.embeddings[0].tobytes(),
            known=None if scores.known is None else float(scores.known[0]),
            calibration=self._calibrations[name],
        )

    def calibration(self, router: RouterName) -> Calibration:
        """The calibration of a router; "" is the bundle's default router."""
        try:
            return self._calibrations[self._bundle.engines[0].resolve(router)]
        except UnknownRouter:
            return UNCALIBRATED


def _calibration(described: Described) -> RouterCalibration:
    rows, evidence = described.retention, described.evidence
    return RouterCalibration(
        described.quantiles,
        tuple(Certified(row.retention, row.confidence, row.threshold, row.own) for row in rows),
        labels=evidence.labels if evidence else 0,
        gain=evidence.over_lots.value if evidence else 0.0,
    )
