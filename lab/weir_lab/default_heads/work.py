"""Trains one variant's heads: on the train split, or with one source left out to measure them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Arrays, Flags, Floats
from weir_lab.default_heads.data import Outcomes, Preferences
from weir_lab.default_heads.encode import Columns
from weir_lab.default_heads.groups import Labels, balanced, recovered
from weir_lab.default_heads.heads import TrainingData, curve_of, ensemble_of, stacked, task
from weir_lab.default_heads.sense import SenseColumns
from weir_lab.default_heads.train import directions, select, train_length, train_linear
from weir_lab.routers import TRAINERS
from weir_lab.routers.ensemble import ensemble_with_curve, fit_ensemble
from weir_lab.routers.familiarity import UNKNOWN, fit_familiarity
from weir_lab.routers.task import Battles, Task
from weir_scorer.build.variants import ENSEMBLE_MEMBERS, Variant
from weir_scorer.engine.familiarity import Familiarity
from weir_scorer.engine.routers import ROUTERS

SEED = 20240618
_PART = 256  # rows


@dataclass(frozen=True, slots=True)
class Work:
    """What heads are trained on: prompts with outcomes, and the prompts of people's battles."""

    variant: Variant
    outcomes: Outcomes
    people: Preferences
    labels: Labels
    seen: Columns  # of the outcomes' prompts
    battle_columns: Columns  # of the battles' prompts
    sense: SenseColumns

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of columns of each block that trained routers read."""
        return tuple(block.dim for block in self.variant.columns)

    @property
    def _kinds(self) -> list[str]:
        return [name for name in self.variant.trained if name in TRAINERS]

    def train(self, usable: Flags) -> tuple[dict[str, Arrays], Mapping[str, float]]:
        """Heads from the usable prompts, their curves from the others; and `linear`'s figures."""
        fitted = self._fitted(usable)
        linear = train_linear(
            self.seen.linear, self.outcomes, self.labels, self.sense, fitted["mf"]
        )
        lengths = np.concatenate([self.seen.length[usable], self.battle_columns.length])
        heads: dict[str, Arrays] = {"length": train_length(lengths), "linear": linear.arrays}
        heads |= fitted
        held_out = ~usable[self.labels.rows]
        rows = self.labels.rows[held_out]
        wins, source = self.labels.wins[held_out], self.outcomes.source[rows]
        columns = some_rows(self.seen, rows)
        for name in self._kinds:
            scores = _in_parts(ROUTERS[name](heads[name]).scores, columns.linear)
            heads[name] = TRAINERS[name].with_curve(heads[name], *curve_of(scores, wins, source))
        heads["ensemble"] = self._ensemble(heads, usable)
        scores = self.scores(heads, columns)["ensemble"]
        heads["ensemble"] = ensemble_with_curve(heads["ensemble"], *curve_of(scores, wins, source))
        return heads, linear.report

    def scores(self, heads: Mapping[str, Arrays], columns: Columns) -> Mapping[str, Floats]:
        """The scores of every router, by the code that serves them."""
        lengths, every = columns.length, columns.linear
        found: dict[str, Floats] = {
            "random": columns.hash[:, 0],
            "length": ROUTERS["length"](heads["length"]).scores(lengths),
        }
        for name in self.variant.trained:
            found[name] = _in_parts(ROUTERS[name](heads[name]).scores, every)
        members = {name: heads[name] for name in ENSEMBLE_MEMBERS}
        ensemble = ensemble_of(heads["ensemble"], members, every.shape[1])
        return found | {"ensemble": ensemble.scores(every)}

    def left_out(self) -> Mapping[str, Mapping[str, float]]:
        """APGR by router and source, of heads trained without that source."""
        names = [entry.name for entry in self.variant.routers]
        found: dict[str, dict[str, float]] = {name: {} for name in names}
        for source in sorted(set(self.outcomes.source.tolist())):
            held_out = self.outcomes.source[self.labels.rows] == source
            weak, strong = self.labels.weak[held_out], self.labels.strong[held_out]
            columns = some_rows(self.seen, self.labels.rows[held_out])
            for name, scores in self.scores(self._without(source), columns).items():
                found[name][source] = recovered(scores, weak, strong)
        return found

    def sense_left_out(self, heads: Mapping[str, Arrays]) -> Floats:
        """`linear`'s scores of the pairs' prompts, each by a head that its fold taught nothing."""
        pairs, rows = self.sense.pairs, self.sense.rows
        train = self.outcomes.train[self.labels.rows]
        mine = self.labels.rows[train]
        found = np.zeros(len(rows), np.float32)
        for fold in sorted(set(pairs.fold.tolist())):
            out = pairs.fold == fold
            fitted = directions(
                self.seen.linear[mine],
                select(self.labels, train),
                self.outcomes.source[mine],
                self.sense.without(out),
                heads["mf"],
            )
            prompts = np.repeat(out, 2)
            found[prompts] = ROUTERS["linear"](fitted.arrays()).scores(rows[prompts])
        return found

    def familiarity(self, usable: Flags) -> Arrays:
        """How well kinds are known from the usable prompts; ranks are among dev prompts."""
        need = np.full(len(self.outcomes.prompts), np.nan)
        rows = self.labels.rows
        need[rows] = np.where(usable[rows], self.labels.target, np.nan)
        weights = np.ones(len(need))
        known = np.isfinite(need)
        weights[known] = balanced(self.outcomes.source[known])
        columns = self.seen.linear
        # The text's blocks count as one: apart, eight columns of rarity would have .4 of a distance
        # between prompts (AUROC of left-out prompts .799, as one .853).
        text = sum(block.dim for block in self.variant.text_blocks)
        widths = (text, *(block.dim for block in self.variant.encoded))
        task = Task(columns, widths, need, weights, Battles.none(), 0, SEED)
        return fit_familiarity(task, ~self.outcomes.train)

    def unknown_shares(self, whole: Arrays) -> Mapping[str, float]:
        """The share of each source's prompts that are unknown where that source is left out.

        Of the prompts that people chatted with, by the file from all sources, `whole`.
        """
        found: dict[str, float] = {}
        for source in sorted(set(self.outcomes.source.tolist())):
            left_out = self.outcomes.source == source
            arrays = self.familiarity(np.asarray(~left_out, dtype=np.bool_))
            found[source] = _unknown_share(arrays, self.seen.linear[left_out])
        return found | {"chat": _unknown_share(whole, self.battle_columns.linear)}

    def _without(self, source: str) -> Mapping[str, Arrays]:
        """Heads trained without a source, and without curves, which change no order."""
        usable = np.asarray(self.outcomes.source != source, dtype=np.bool_)
        usable_rows = usable[self.labels.rows]
        rows = self.labels.rows[usable_rows]
        heads = self._fitted(usable)
        fitted = directions(
            self.seen.linear[rows],
            select(self.labels, usable_rows),
            self.outcomes.source[rows],
            self.sense,
            heads["mf"],
        )
        lengths = train_length(
            np.concatenate([self.seen.length[usable], self.battle_columns.length])
        )
        heads |= {"length": lengths, "linear": fitted.arrays()}
        heads["ensemble"] = self._ensemble(heads, usable)
        return heads

    def _fitted(self, usable: Flags) -> dict[str, Arrays]:
        columns = (self.seen.linear, self.battle_columns.linear)
        data = TrainingData(self.outcomes, self.labels, self.people)
        training = task(columns, self.widths, data, usable, SEED)
        return {name: TRAINERS[name].fit(training) for name in self._kinds}

    def _ensemble(self, heads: Mapping[str, Arrays], usable: Flags) -> Arrays:
        rows = self.labels.rows[usable[self.labels.rows]]
        parts = [
            ROUTERS[name](heads[name]).scores(self.seen.linear[rows]) for name in ENSEMBLE_MEMBERS
        ]
        weights: NDArray[np.float64] = balanced(self.outcomes.source[rows])
        return fit_ensemble(stacked(parts), weights)


def some_rows(columns: Columns, which: NDArray[np.intp] | Flags) -> Columns:
    """The columns of some prompts."""
    return Columns(
        columns.hash[which], columns.length[which], columns.lexical[which], columns.encoded[which]
    )


def _unknown_share(arrays: Arrays, columns: Floats) -> float:
    return float(np.mean(_in_parts(Familiarity(arrays), columns) < UNKNOWN))


def _in_parts(score: Callable[[Floats], Floats], rows: Floats) -> Floats:
    """Score a few rows at a time: a head may compare each with thousands of others."""
    parts = [score(rows[start : start + _PART]) for start in range(0, len(rows), _PART)]
    return np.concatenate(parts)
