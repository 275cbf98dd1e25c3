"""A ledger's file as gateways would have left it in a made-up world of rated decisions."""

from dataclasses import replace
from pathlib import Path

from support.synthetic_ratings import World
from support.tables import STRONG, WEAK, request
from weir_gateway.adapters.ledger.entry import Entry, entry
from weir_gateway.adapters.ledger.feedback import PendingFeedback, SqliteFeedback
from weir_gateway.adapters.ledger.sqlite import SqliteLedger
from weir_gateway.domain.decision import Reason, RouteDecision, Scored
from weir_gateway.domain.ids import BundleVersion, DecisionId, KeyName
from weir_gateway.domain.outcome import Feedback, Outcome
from weir_lab.metrics.offpolicy import Logged
from weir_policy.ids import ModelName, PicoUsd, PolicyId, RouterName, TableVersion

NOW = 1_800_000_000.0
BUNDLE = BundleVersion("default@0123456789ab")


def write_ledger(
    path: Path,
    world: World,
    size: int,
    *,
    seed: int = 0,
    policy: str = "shop/chat",
    content: bool = False,
    preferring: bool = False,
) -> Logged:
    """`size` decisions by score, every one rated; by the preferred model where `preferring`."""
    logged = world.logged(size, seed)
    lines: list[Entry] = []
    said: list[PendingFeedback] = []
    for row in range(size):
        decision = _decision(logged, row, world, policy, seed)
        paid = PicoUsd(1_000_000_000 if logged.strong[row] else 100_000_000)
        outcome = Outcome(200, None, paid, PicoUsd(0), 0.001, 0.1)
        lines.append(entry(request(f"prompt {row}"), decision, outcome, at=NOW, content=content))
        reward = float(logged.reward[row])
        liked = logged.strong[row] == (reward == 1.0)
        preferred = ModelName("strong" if liked else "weak") if preferring else None
        feedback = Feedback(decision.id, None if preferred else reward, preferred)
        said.append(PendingFeedback(feedback, KeyName(""), 1.0, NOW, None))
    SqliteLedger(path).write(lines)
    SqliteFeedback(path, within=3600, content=content).keep(said)
    return logged


def write_others(path: Path, count: int, reason: Reason, policy: str = "shop/chat") -> None:
    """Decisions that were not made by score."""
    outcome = Outcome(200, None, PicoUsd(1), PicoUsd(0), 0.001, 0.1)
    decision = replace(
        _decision(World().logged(1, 0), 0, World(), policy, 0), reason=reason, detail="r"
    )
    ids = [DecisionId(f"{reason.value[:4]:0>4}{n:028x}") for n in range(count)]
    SqliteLedger(path).write(
        [entry(request(), replace(decision, id=i), outcome, at=NOW, content=False) for i in ids]
    )


def _decision(logged: Logged, row: int, world: World, policy: str, seed: int) -> RouteDecision:
    return RouteDecision(
        id=DecisionId(f"{policy[-4:]:0>4}{seed:08x}{row:020x}"),
        policy=PolicyId(policy),
        chosen=STRONG if logged.strong[row] else WEAK,
        baseline=STRONG,
        reason=Reason.SCORED,
        table=TableVersion("v1"),
        scored=Scored(float(logged.score[row]), {}, BUNDLE, RouterName("linear")),
        threshold=world.threshold,
        servable=(WEAK, STRONG),
        propensity=float(logged.propensity[row]),
        explored=bool(logged.explored[row]),
    )
