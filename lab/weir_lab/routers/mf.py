"""Trains the `mf` router as RouteLLM does (arXiv 2406.18665), by Adam on the battles' winners.

A model's logit on a prompt is w2 . (v / |v| * W1 e). Ties are left out. Where the record says only
that the first model did not win, its win counts as unlikely by a margin, which is learnt too, so
that ties don't count as defeats. A constant column lets a model be better than another everywhere;
without it the prompt's columns would have to express that, which does worse on sources left out.
"""

import numpy as np

from weir_lab.arrays import Arrays, Floats
from weir_lab.routers.ratings import tiers_apart
from weir_lab.routers.regression import Standard
from weir_lab.routers.task import Battles, Task

DIM = 128
BATCH = 64
RATE = 3e-4
DECAY = 1e-5
JITTER = 0.1
BATTLES = 400_000  # seen in all, over as many epochs as that takes
_MOMENTS = (0.9, 0.999)
_TINY = 1e-8


def fit_mf(task: Task) -> Arrays:
    """A head whose logit is that of the strong tier's models less the weak one's."""
    sure = task.battles.only((task.battles.wins != 0.5) | task.battles.unsure)  # noqa: PLR2004 - a tie
    fought = np.unique(sure.prompts)
    standard = Standard.of(task.columns[fought], np.ones(len(fought)))
    unit = standard.scale * np.sqrt(task.columns.shape[1])
    rows = (task.columns - standard.mean) / unit
    embedded = np.concatenate([rows, np.ones((len(rows), 1))], axis=1).astype(np.float32)
    model = _Model(embedded.shape[1], task.models, np.random.default_rng(task.seed))
    for _ in range(BATTLES // BATCH):
        model.learn(embedded, sure)
    directions = model.directions()
    strong, weak = (
        directions[tier].mean(axis=0) for tier in tiers_apart(task.battles, task.models)
    )
    everywhere = float(model.project[-1] @ (model.output * (strong - weak)))
    return {
        "mean": standard.mean.astype(np.float32),
        "project": (model.project[:-1] / unit[:, None]).astype(np.float16),
        "output": model.output,
        "strong": strong,
        "weak": weak,
        "slope": np.array(1, np.float32),
        "bias": np.array(everywhere, np.float32),
    }


def mf_with_curve(arrays: Arrays, slope: float, bias: float) -> Arrays:
    """The head whose logit is slope times its own plus bias."""
    everywhere = slope * float(arrays["bias"]) + bias
    return {**arrays, "slope": np.array(slope, "f4"), "bias": np.array(everywhere, "f4")}


class _Model:
    """The parameters, their gradients by hand, and Adam."""

    def __init__(self, columns: int, models: int, random: np.random.Generator) -> None:
        bound = np.sqrt(1 / columns)
        self._random = random
        self._parameters = {
            "vectors": random.normal(size=(models, DIM)).astype(np.float32),
            "project": random.uniform(-bound, bound, (columns, DIM)).astype(np.float32),
            "output": random.uniform(-(DIM**-0.5), DIM**-0.5, DIM).astype(np.float32),
            "margin": np.zeros(1, np.float32),
        }
        zeros = {name: np.zeros_like(array) for name, array in self._parameters.items()}
        self._first, self._second = zeros, {name: array.copy() for name, array in zeros.items()}
        self._step = 0

    @property
    def project(self) -> Floats:
        """W1, transposed."""
        return self._parameters["project"]

    @property
    def output(self) -> Floats:
        """w2."""
        return self._parameters["output"]

    def directions(self) -> Floats:
        """Every model's v / |v|."""
        vectors = self._parameters["vectors"]
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(units, dtype=np.float32)

    def learn(self, embedded: Floats, battles: Battles) -> None:
        """One step on a batch drawn at random."""
        chosen = self._random.integers(len(battles), size=BATCH)
        rows = embedded[battles.prompts[chosen]]
        noise = self._random.standard_normal(rows.shape, dtype=np.float32)
        jittered = np.asarray(rows + JITTER * noise, dtype=np.float32)
        self._adam(self._gradients(jittered, battles.only(chosen)))

    def _gradients(self, rows: Floats, battles: Battles) -> dict[str, Floats]:
        vectors = self._parameters["vectors"]
        ends = np.concatenate([battles.first, battles.second])
        lengths = np.linalg.norm(vectors[ends], axis=1, keepdims=True)
        units = vectors[ends] / lengths
        apart = units[:BATCH] - units[BATCH:]
        hidden = rows @ self.project
        unsure = battles.unsure.astype(np.float32)
        gap = (hidden * apart) @ self.output - unsure * self._parameters["margin"]
        won = (battles.wins == 1).astype(np.float32)
        error = ((1 / (1 + np.exp(-gap)) - won) / BATCH)[:, None].astype(np.float32)
        pull = error * hidden * self.output
        toward = np.concatenate([pull, -pull])
        along = (toward * units).sum(axis=1, keepdims=True)
        by_vector = np.zeros_like(vectors)
        np.add.at(by_vector, ends, (toward - along * units) / lengths)
        return {
            "vectors": by_vector,
            "project": rows.T @ (error * apart * self.output),
            "output": (error * hidden * apart).sum(axis=0),
            "margin": np.array([-(error[:, 0] * unsure).sum()], np.float32),
        }

    def _adam(self, gradients: dict[str, Floats]) -> None:
        self._step += 1
        one, two = _MOMENTS
        scale = RATE * np.sqrt(1 - two**self._step) / (1 - one**self._step)
        for name, array in self._parameters.items():
            slope = gradients[name] + DECAY * array
            self._first[name] += (1 - one) * (slope - self._first[name])
            self._second[name] += (1 - two) * (slope**2 - self._second[name])
            step = scale * self._first[name] / (np.sqrt(self._second[name]) + _TINY)
            self._parameters[name] = array - step
