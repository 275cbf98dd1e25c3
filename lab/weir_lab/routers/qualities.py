"""Trains what predicts every model's quality, and lets a model join by some probe prompts.

A model is a row v: a level, a slope along a difficulty that all models share, and an offset per
cluster of prompts (UniRoute, arXiv 2502.08773), so that sigmoid(facts . v) is its quality. What
models are like, `Population`, is a normal distribution over such rows, learnt from many models by
expectation-maximisation; a new one's row is the likeliest given that and its outcomes. So some
hundred probes suffice for a whole row: the population fills in clusters without probes.
"""

from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Arrays, Doubles, Flags, Floats
from weir_lab.routers.cluster import fit_clusters
from weir_lab.routers.regression import Standard, rasch, ridge, sigmoid
from weir_scorer.engine.routers import Qualities

CLUSTERS = 32
ALPHA = 1e3  # of the ridge on difficulty
_ROUNDS = 8
_NEWTON = 12
_LEAST_SPREAD = 1e-3  # least variance of any entry of a row
_FIRST_SPREAD = 0.5  # variance before anything is known


@dataclass(frozen=True, slots=True)
class Population:
    """What models' rows are like: mean and covariance."""

    mean: Doubles
    covariance: Doubles


def fit_qualities(
    columns: Floats, widths: tuple[int, ...], scores: Floats, weights: Doubles, seed: int
) -> tuple[Arrays, Population]:
    """From outcomes [prompts, models], NaN where unknown: the arrays and their population.

    The arrays have a row per column of `scores`; give `with_models` the rows to serve.
    """
    known = np.isfinite(scores).any(axis=1)
    shared = _shared(columns[known], widths, scores[known], weights[known], seed)
    facts = facts_of(shared, columns[known])
    population, rows = fit_population(facts, scores[known])
    return with_models(shared, rows, population), population


def fit_population(facts: Doubles, scores: Floats) -> tuple[Population, Doubles]:
    """The population, and the row of every model."""
    width, models = facts.shape[1], scores.shape[1]
    population = Population(np.zeros((width,)), _FIRST_SPREAD * np.eye(width))
    rows = np.zeros((models, width))
    for _ in range(_ROUNDS):
        unsure = np.zeros((width, width))
        for model in range(models):
            rows[model], doubt = _likeliest(facts, scores[:, model], population, rows[model])
            unsure += doubt
        mean: Doubles = np.full(models, 1 / models) @ rows
        apart = rows - mean
        covariance = (apart.T @ apart + unsure) / models
        population = Population(mean, covariance + _LEAST_SPREAD * np.eye(width))
    return population, rows


def join(facts: Doubles, outcomes: Doubles, population: Population) -> Doubles:
    """A new model's row from its outcomes in [0,1] on prompts with these facts."""
    return _likeliest(facts, outcomes, population, population.mean)[0]


def doubt(facts: Doubles, outcomes: Doubles, population: Population) -> float:
    """How unsure a joining model's predictions are on these prompts: a standard error in log-odds.

    The root of the mean variance of facts . row, given the population and the outcomes.
    """
    covariance = _likeliest(facts, outcomes, population, population.mean)[1]
    return float(np.sqrt(np.einsum("ij,jk,ik->i", facts, covariance, facts).mean()))


def predicted(facts: Doubles, row: Doubles) -> Doubles:
    """A model's quality on prompts with these facts."""
    return sigmoid(facts @ row)


def facts_of(arrays: Arrays, columns: Floats) -> Doubles:
    """What a model's row is multiplied with, by the very code that serves."""
    return Qualities(arrays).facts(columns).astype(np.float64)


def population_of(arrays: Arrays) -> Population:
    """As a head file carries it, for the models to come."""
    return Population(
        arrays["population_mean"].astype(np.float64),
        arrays["population_covariance"].astype(np.float64),
    )


def with_models(shared: Arrays, rows: Doubles, population: Population) -> Arrays:
    """The arrays of a head file."""
    return {
        **shared,
        "models": rows.astype(np.float32),
        "population_mean": population.mean.astype(np.float32),
        "population_covariance": population.covariance.astype(np.float32),
    }


def _shared(
    columns: Floats, widths: tuple[int, ...], scores: Floats, weights: Doubles, seed: int
) -> Arrays:
    """Difficulty and clusters: all but the models."""
    even = np.ones(len(columns))
    standard = Standard.of(columns, even)
    hard = rasch(scores).difficulty
    slopes = ridge(standard(columns), hard, even, ALPHA) / standard.scale
    along = columns.astype(np.float64) @ slopes
    spread = max(float(along.std()), 1e-9)
    clusters = fit_clusters(columns, weights, widths, CLUSTERS, seed)
    return {
        **clusters,
        "difficulty": (slopes / spread).astype(np.float32),
        "difficulty_bias": np.array(-along.mean() / spread, np.float32),
        "models": np.zeros((0, 2 + len(clusters["centres"])), np.float32),
    }


def _likeliest(
    facts: Doubles, outcomes: Doubles | Floats, population: Population, start: Doubles
) -> tuple[Doubles, Doubles]:
    """A model's row and how unsure it is (its covariance), by Newton's method."""
    seen: Flags = np.isfinite(outcomes)
    x, y = facts[seen], outcomes[seen].astype(np.float64)
    precision = np.linalg.inv(population.covariance)
    row, bend = start.copy(), precision
    for _ in range(_NEWTON):
        expected = sigmoid(x @ row)
        slope = x.T @ (y - expected) - precision @ (row - population.mean)
        bend = (x * (expected * (1 - expected))[:, None]).T @ x + precision
        step = np.linalg.solve(bend, slope)
        row = row + step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12))
    return row, np.asarray(np.linalg.inv(bend), dtype=np.float64)
