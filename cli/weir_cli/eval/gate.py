"""`weir eval --gate`: a finish gate replayed on two models' recorded tasks, by the lab."""

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from weir_cli.lab_helpers import lab_failures, say_step
from weir_cli.output import show
from weir_lab.agents.replay import GateReplay, load_pair_of_tasks, replay_gate
from weir_lab.evaluation.report import plain

_MEANING = (
    "saved: share of the strong model's cost at its own rate of solved tasks. The score is drawn "
    "at the AUROC; outcomes and costs are the recorded ones. Intervals: 95 % of bootstrap samples; "
    "the estimate's: 90 %, and half a point of the rate counts as the same"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """The command's options."""

    gate: Path
    weak: str
    strong: str
    harness: str
    auroc: float
    seed: int


def eval_gate(options: GateOptions, *, as_json: bool) -> None:
    """Replay and show. Raises Failure."""
    with lab_failures():
        say_step(f"reading {options.gate}")
        pair = load_pair_of_tasks(options.gate, options.weak, options.strong, options.harness)
        found = replay_gate(pair, options.auroc, seed=options.seed)
    show(_table(found), plain({"format": 1, **asdict(found)}), as_json=as_json)


def _table(found: GateReplay) -> Table:
    table = Table(
        title=f"{found.tasks} tasks: {found.weak}, then {found.strong}",
        caption=_MEANING,
        caption_justify="left",
        show_header=False,
    )
    estimate = found.estimate
    for name, value in (
        ("solved by the weak, the strong, any", _rates(found)),
        ("USD a task, weak and strong", f"{found.weak_cost:.3f}, {found.strong_cost:.3f}"),
        ("AUROC of the finish score", f"{found.auroc:.2f}"),
        ("saved in the replay", str(found.saved)),
        ("most solved at the strong one's cost", str(found.rate_at_cost)),
        (
            "saved by the policy's own estimate",
            f"{estimate.saved.value:.3f} ({estimate.saved.low:.3f} to {estimate.saved.high:.3f})",
        ),
        ("the estimate's verdict", estimate.verdict.value),
    ):
        table.add_row(name, value)
    return table


def _rates(found: GateReplay) -> str:
    return f"{found.weak_rate:.3f}, {found.strong_rate:.3f}, {found.either_rate:.3f}"
