"""Heads: from a row of features to a score in [0,1], and to a quality per profiled model.

A head file is an .npz of plain arrays, never a pickle. A new kind is a file and a line in KINDS.
Must not know of texts, devices or files.
"""

from collections.abc import Callable, Mapping

from weir_scorer.engine.routers.clusters import Cluster, Clusters
from weir_scorer.engine.routers.ensemble import Ensemble, Member
from weir_scorer.engine.routers.kernel import Kernel
from weir_scorer.engine.routers.knn import Knn
from weir_scorer.engine.routers.linear import Linear
from weir_scorer.engine.routers.mf import MatrixFactorisation
from weir_scorer.engine.routers.ports import Arrays, BadHead, Head
from weir_scorer.engine.routers.qualities import Qualities
from weir_scorer.engine.routers.quantile import Quantile
from weir_scorer.engine.routers.sw_ranking import SwRanking
from weir_scorer.engine.routers.uniform import Uniform

__all__ = [
    "ENSEMBLE",
    "KINDS",
    "Arrays",
    "BadHead",
    "Cluster",
    "Clusters",
    "Ensemble",
    "Head",
    "Kernel",
    "Knn",
    "Linear",
    "MatrixFactorisation",
    "Member",
    "Qualities",
    "Quantile",
    "SwRanking",
    "Uniform",
]

ENSEMBLE = "ensemble"  # made of other routers, and so not of arrays alone

KINDS: Mapping[str, Callable[[Arrays], Head]] = {
    "random": Uniform,
    "length": Quantile,
    "linear": Linear,
    "kernel": Kernel,
    "knn": Knn,
    "cluster": Cluster,
    "mf": MatrixFactorisation,
    "sw_ranking": SwRanking,
}
