"""The gateway's Scorer port filled by a bundle in this process: no scorer, no socket.

Must not know what is explained.
"""

import asyncio

from weir_gateway.adapters.scorer.calibration import Calibration, Certified
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable
from weir_gateway.domain.ids import BundleVersion, RouterName
from weir_gateway.domain.table import Retention
from weir_gateway.routing.ports import TraceContext
from weir_scorer import Bundle
from weir_scorer.engine.ports import Calibration as Described
from weir_scorer.engine.ports import UnknownRouter


class InProcessScorer:
    """Scores with `bundle`; thresholds come from its calibration, as they do over the wire."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._calibrations = {
            router.name: _calibration(router.calibration) for router in bundle.description().routers
        }

    @property
    def bundle(self) -> BundleVersion:
        """The bundle's name@digest."""
        return BundleVersion(self._bundle.version)

    async def score(
        self,
        text: str,
        router: RouterName,
        *,
        want_quality: bool,
        want_embedding: bool = False,
        within: float,
        trace: TraceContext | None = None,
    ) -> Scored:
        """Score one text. Raises NoSuchRouter, and ScorerUnavailable after `within` seconds."""
        del trace  # nothing is traced here
        try:
            async with asyncio.timeout(within):
                return await asyncio.to_thread(
                    self._score, text, router, want_quality, want_embedding
                )
        except TimeoutError as late:
            raise ScorerUnavailable(f"no score within {within:g} s") from late
        except UnknownRouter as unknown:
            raise NoSuchRouter(str(unknown)) from unknown

    def _score(
        self,
        text: str,
        router: RouterName,
        want_quality: bool,  # noqa: FBT001 - called by a thread, which takes no names
        want_embedding: bool,  # noqa: FBT001 - the same
    ) -> Scored:
        name = self._bundle.engines[0].resolve(router)
        scores = self._bundle.score(
            [text], name, want_quality=want_quality, want_embedding=want_embedding
        )
        quality = (
            {}
            if scores.quality is None
            else dict(zip(self._bundle.profiles, map(float, scores.quality[0]), strict=True))
        )
        embedding = b"" if scores.embeddings is None else scores.embeddings[0].tobytes()
        score = float(scores.scores[0])
        return Scored(score, quality, self.bundle, RouterName(name), embedding=embedding)

    def threshold_for_share(self, scored: Scored, share: float) -> float | None:
        """From the calibration of the router that scored."""
        return self._calibration(scored.router).threshold_for_share(share)

    def threshold_for_retention(self, scored: Scored, objective: Retention) -> float | None:
        """From the calibration of the router that scored."""
        return self._calibration(scored.router).threshold_for_retention(objective)

    def _calibration(self, router: RouterName) -> Calibration:
        """A request without text isn't scored and still has the policy's name, "" for default."""
        return self._calibrations[self._bundle.engines[0].resolve(router)]


def _calibration(described: Described) -> Calibration:
    return Calibration(
        described.quantiles,
        tuple(Certified(r.retention, r.confidence, r.threshold) for r in described.retention),
    )
