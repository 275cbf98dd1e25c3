"""Routers: from a row of features to a score in [0,1], one file a router.

A router's trained weights are its head, an .npz file of plain arrays (never a pickle). To serve a
new router, write a file with its class and add a line to ROUTERS. Routers must not know of texts,
devices or files.
"""

from collections.abc import Callable, Mapping

from weir_scorer.engine.routers.baselines import Length, Random
from weir_scorer.engine.routers.cluster import Cluster
from weir_scorer.engine.routers.ensemble import Ensemble, Member
from weir_scorer.engine.routers.head import Arrays, BadHead, Head
from weir_scorer.engine.routers.kernel import Kernel
from weir_scorer.engine.routers.knn import Knn
from weir_scorer.engine.routers.linear import Linear
from weir_scorer.engine.routers.mf import MatrixFactorisation
from weir_scorer.engine.routers.qualities import Qualities
from weir_scorer.engine.routers.space import Clusters
from weir_scorer.engine.routers.sw_ranking import SwRanking

__all__ = [
    "ENSEMBLE",
    "ROUTERS",
    "Arrays",
    "BadHead",
    "Cluster",
    "Clusters",
    "Ensemble",
    "Head",
    "Kernel",
    "Knn",
    "Length",
    "Linear",
    "MatrixFactorisation",
    "Member",
    "Qualities",
    "Random",
    "SwRanking",
]

# The ensemble is built from other routers of the bundle, not from its head alone.
ENSEMBLE = "ensemble"

ROUTERS: Mapping[str, Callable[[Arrays], Head]] = {
    "random": Random,
    "length": Length,
    "linear": Linear,
    "kernel": Kernel,
    "knn": Knn,
    "cluster": Cluster,
    "mf": MatrixFactorisation,
    "sw_ranking": SwRanking,
}
