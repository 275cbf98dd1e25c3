"""Trains routers: labels in, a head file's arrays out, one file a router.

To train a new router, write a file with its `fit` and `with_curve` and add a line to TRAINERS. The
scorer serves the arrays unchanged. Must not know files, bundles or the command line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weir_lab.arrays import Arrays
from weir_lab.routers.cluster import cluster_with_curve, fit_cluster
from weir_lab.routers.knn import fit_knn, knn_with_curve
from weir_lab.routers.mf import fit_mf, mf_with_curve
from weir_lab.routers.sw_ranking import fit_sw_ranking, sw_ranking_with_curve
from weir_lab.routers.task import Task

__all__ = ["FROM_LABELS", "TRAINERS", "Trainer"]


@dataclass(frozen=True, slots=True)
class Trainer:
    """How a router is fitted, and how its logit is turned into a probability."""

    fit: Callable[[Task], Arrays]
    with_curve: Callable[[Arrays, float, float], Arrays]  # slope and bias of the new logit
    from_battles: bool = False  # learns from battles rather than from labels


TRAINERS: Mapping[str, Trainer] = {
    "knn": Trainer(fit_knn, knn_with_curve),
    "cluster": Trainer(fit_cluster, cluster_with_curve),
    "mf": Trainer(fit_mf, mf_with_curve, from_battles=True),
    "sw_ranking": Trainer(fit_sw_ranking, sw_ranking_with_curve, from_battles=True),
}
FROM_LABELS = tuple(name for name, trainer in TRAINERS.items() if not trainer.from_battles)
