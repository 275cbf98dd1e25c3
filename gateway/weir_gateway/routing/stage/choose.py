"""Choose the model for one turn of an agent, and say why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from weir_agents.scores import AgentWeights, stage_reasons, stage_score
from weir_gateway.domain.decision import Scored
from weir_gateway.domain.money import NOTHING
from weir_gateway.domain.stage import StageStep, StageView
from weir_gateway.domain.table import Backend
from weir_gateway.routing.context import RoutingContext
from weir_gateway.routing.session.keys import acts
from weir_gateway.routing.session.memory import strong_estimate
from weir_gateway.routing.stage.cold_cache import Pair, bars_of
from weir_gateway.routing.stage.score import WeightsSource, choose_weights
from weir_gateway.routing.stage.swap import is_swapped
from weir_gateway.routing.stage.tier import STRONG_STEPS, Turn, next_step, plans
from weir_policy.spec.stage import Stage

SIGNALS: Final = 4  # that are told of a score


@dataclass(frozen=True, slots=True)
class StageChoice:
    """The model for this turn."""

    backend: Backend
    view: StageView
    propensity: float = 1.0  # how probable this choice was
    swapped: bool = False  # drawn against what the router would have chosen


@dataclass(frozen=True, slots=True)
class _Draw:
    view: StageView
    propensity: float = 1.0
    swapped: bool = False


def choose_tier(
    context: RoutingContext,
    stage: Stage,
    servable: Sequence[Backend],
    scored: Scored,
    threshold: float,
    source: WeightsSource | None,
) -> StageChoice:
    """By the score and what is remembered; `servable` are weakest first, two or more."""
    request, session = context.request, context.session
    known = session.agent if session is not None else None
    turn = Turn(request.facts.agent, scored.score, known)
    pair = Pair(servable[0], servable[-1], request)
    now = session.now if session is not None else 0.0
    bars = bars_of(threshold, stage, pair, known, now)
    step = next_step(turn, bars, stage.settled_turns)
    agent = scored.agent_score  # None before the first call
    weights = choose_weights(stage.weights, turn.facts, source)
    view = StageView(
        step=step,
        strong=step in STRONG_STEPS,
        up=bars.up,
        back=bars.back,
        agent=agent if agent is not None else stage_score(turn.facts, weights.weights),
        text=scored.text_score,
        before=known.strong if known is not None else None,
        settled=turn.settled,
        settled_turns=stage.settled_turns,
        in_order=turn.in_order,
        swapped=known is not None and known.swapped,
        spent=session.task.spent if session is not None else NOTHING,
        ceiling=stage.max_strong_usd,
        weights=weights.name,
        weights_note=weights.note,
        session=session.keys.agent if session is not None else "",
        signals=() if context.purpose.dispatches else _signals(turn, weights.weights),
    )
    return _within_ceiling(_drawn(_planned(view, turn, stage), turn, stage), pair)


def _signals(turn: Turn, weights: AgentWeights) -> tuple[tuple[str, float], ...]:
    """What moved the score most, towards failure where above 0."""
    return tuple((one.feature, one.logit) for one in stage_reasons(turn.facts, weights)[:SIGNALS])


def _planned(view: StageView, turn: Turn, stage: Stage) -> StageView:
    """The strong model's turn where it plans; what is remembered stays as it is."""
    if stage.plan is not None and plans(turn, stage.plan):
        return replace(view, step=StageStep.PLAN)
    return view


def _drawn(view: StageView, turn: Turn, stage: Stage) -> _Draw:
    """The view, or the other model's where this turn is drawn; once in a session."""
    share = stage.swap_share
    able = acts(turn.facts) and turn.in_order and not view.swapped and view.session
    if share is None or not able or view.step is StageStep.PLAN:
        return _Draw(view)
    if not is_swapped(view.session, turn.facts.turns, share):
        return _Draw(view, 1.0 - share)
    swapped = replace(view, step=StageStep.SWAP, strong=not view.strong, swapped=True)
    return _Draw(swapped, share, swapped=True)


def _within_ceiling(draw: _Draw, pair: Pair) -> StageChoice:
    """The model of the view; the weak one where the session's ceiling leaves too little."""
    view = draw.view
    if not (view.strong or view.step is StageStep.PLAN):
        return StageChoice(pair.weak, view, draw.propensity, swapped=draw.swapped)
    if view.ceiling is None or view.spent + strong_estimate(pair.strong, pair.request) <= (
        view.ceiling
    ):
        return StageChoice(pair.strong, view, draw.propensity, swapped=draw.swapped)
    capped = replace(view, step=StageStep.CEILING, strong=view.before or False)
    return StageChoice(pair.weak, capped)
