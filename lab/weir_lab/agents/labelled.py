"""Labelled runs from a file of turns or from a ledger's rated requests, of one harness."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir_agents.facts import AgentFacts
from weir_lab.agents.evaluate import examples_of
from weir_lab.agents.fit import Examples
from weir_lab.agents.runs import AgentRun
from weir_lab.agents.train import STAGE_TURNS, Labelled
from weir_lab.errors import DataError

_GOOD = 0.5  # the lowest rating of a run that counts as solved


@dataclass(frozen=True, slots=True)
class RatedFacts:
    """A rated request of an agent, from a ledger."""

    facts: AgentFacts
    model: str
    rating: float  # [0,1]
    conversation: str  # equal for the requests of one conversation, as far as known


def labelled_runs(runs: Sequence[AgentRun], harness: str | None) -> Labelled:
    """Recorded runs as examples. Raises DataError where they are of several harnesses."""
    chosen = _one_harness([run.harness for run in runs], harness)
    part = [run for run in runs if run.harness == chosen]
    going = [run for run in part if len(run) > STAGE_TURNS]
    return Labelled(
        chosen,
        tuple(run.model for run in part),
        examples_of(part, [run.facts() for run in part]),
        examples_of(going, [run.facts(STAGE_TURNS) for run in going]),
    )


def labelled_ratings(rated: Sequence[RatedFacts], harness: str | None) -> Labelled:
    """A ledger's rated requests as examples: the facts are those before the last answer."""
    chosen = _one_harness([each.facts.harness for each in rated], harness)
    part = [each for each in rated if each.facts.harness == chosen]
    examples = Examples(
        tuple(each.facts for each in part),
        np.array([float(each.rating < _GOOD) for each in part]),
        tuple(each.conversation for each in part),
    )
    return Labelled(chosen, tuple(each.model for each in part), examples, examples)


def _one_harness(found: Sequence[str], wanted: str | None) -> str:
    counts = Counter(found)
    names = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
    if wanted is not None:
        if wanted not in counts:
            raise DataError(f"no runs of {wanted!r}: the file has {names or 'none'}")
        return wanted
    if len(counts) != 1:
        raise DataError(
            f"the runs are of several harnesses, and a fit doesn't carry between them: choose one "
            f"with --harness: {names}"
            if counts
            else "there are no labelled runs of an agent"
        )
    return next(iter(counts))
