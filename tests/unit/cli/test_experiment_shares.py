"""`weir experiment` tells the share that each variant asks for beside the one it served."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.tables import STRONG, WEAK, request
from weir_cli.experiment.command import experiment
from weir_gateway.adapters.ledger.entry import entry
from weir_gateway.adapters.ledger.sqlite import SqliteLedger
from weir_gateway.domain.decision import AssignedVariant, Reason, RouteDecision
from weir_gateway.domain.ids import DecisionId
from weir_gateway.domain.outcome import Outcome
from weir_policy.ids import PicoUsd, PolicyId, TableVersion
from weir_wires.content import Usage

ENDED = Outcome(
    status=200,
    usage=Usage(input=10, output=10, cached_input=0),
    paid=PicoUsd(1),
    saved=PicoUsd(0),
    overhead=0.001,
    duration=1.0,
    error="",
    counted=True,
)
MADE = RouteDecision(
    id=DecisionId("0"),
    policy=PolicyId("shop/chat"),
    chosen=WEAK,
    baseline=STRONG,
    reason=Reason.SCORED,
    table=TableVersion("v1"),
)


def test_a_variants_share_asked_for_stands_beside_the_one_served(tmp_path: Path) -> None:
    targets = {"control": None, "trained": 0.2}  # the control has a threshold
    decisions = [
        replace(
            MADE,
            id=DecisionId(f"{name}-{number}"),
            chosen=STRONG if number % 4 == 0 else WEAK,
            variant=AssignedVariant(name, 0.5, f"{name}-{number}"),
            target_share=target,
        )
        for name, target in targets.items()
        for number in range(40)
    ]
    path = tmp_path / "ledger.db"
    SqliteLedger(path).write(
        [entry(request(), made, ENDED, at=86_400.0, content=False) for made in decisions]
    )
    shown = CliRunner().invoke(experiment, ["--ledger", str(path)], catch_exceptions=False)
    assert "trained: strongShare 20.0% asked, 25.0% served" in shown.output
    assert "control: strongShare" not in shown.output
    told = CliRunner().invoke(experiment, ["--ledger", str(path), "--json"])
    shares = json.loads(told.output)["experiment"]["shares"]
    assert shares == {"trained": [pytest.approx(0.2), 0.25]}
