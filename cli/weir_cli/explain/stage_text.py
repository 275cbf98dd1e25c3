"""What the router `stage` saw and did at an agent's turn, in words."""

from typing import Final

from weir_gateway.domain.money import usd
from weir_gateway.domain.stage import StageStep, StageView

DID: Final = {
    StageStep.WEAK: "the weak model goes on",
    StageStep.STRONG: "the strong model is needed",
    StageStep.UP: "the strong model takes over",
    StageStep.HOLD: "the strong model stays until the work has settled",
    StageStep.RETURN: "the weak model takes over again",
    StageStep.PLAN: "the strong model plans",
    StageStep.CEILING: "the strong model has cost what it may in this session",
    StageStep.SWAP: "drawn against the choice, to compare the two",
}


def stage_lines(view: StageView) -> tuple[tuple[str, str], ...]:
    """A word and a text for each line."""
    lines = [("stage", f"{view.agent:.3f} that the run fails if it goes on: {DID[view.step]}")]
    if view.signals:
        moved = ", ".join(f"{name} {logit:+.2f}" for name, logit in view.signals)
        lines.append(("signals", f"{moved}   (weights {view.weights}{_note(view.weights_note)})"))
    lines.append(("bars", _bars(view)))
    lines.append(("memory", _memory(view)))
    if view.ceiling is not None:
        spent = f"${usd(view.spent):.4f} of ${usd(view.ceiling):g} spent by the strong model"
        lines.append(("ceiling", spent))
    return tuple(lines)


def _note(note: str) -> str:
    return f": {note}" if note else ""


def _bars(view: StageView) -> str:
    back = f"returns below {view.back:.3f} after {view.settled_turns} good turns"
    return f"strong from {view.up:.3f} on; {back} ({view.settled} so far)"


def _memory(view: StageView) -> str:
    if view.before is None:
        return "none of this session; POST /v1/route on a gateway shows what that one remembers"
    order = "" if view.in_order else "; this turn is out of order and changes nothing"
    return f"the {'strong' if view.before else 'weak'} model is at work{order}"
