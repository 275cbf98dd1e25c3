"""Every variant's trained files are whole: what its manifest will name lies beside the code."""

import json
from importlib.resources import files

import numpy as np
import pytest

from weir_scorer.build.variants import DIM, ENSEMBLE_MEMBERS, VARIANTS, Variant
from weir_scorer.bundle.calibration import parse_calibration

HEADS = files("weir_scorer.build") / "heads"


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_every_router_has_its_head_and_its_calibration(variant: Variant) -> None:
    trained = HEADS / variant.name
    calibrated = parse_calibration((trained / "calibration.json").read_bytes())
    assert set(calibrated) == {entry.name for entry in variant.routers}
    assert variant.default_router in calibrated
    width = sum(block.dim for block in variant.columns)
    for name in variant.trained:
        with (trained / f"{name}.npz").open("rb") as file:
            assert np.load(file, allow_pickle=False)["mean"].shape == (width,)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_every_block_of_the_encoder_has_a_probe(variant: Variant) -> None:
    probes = json.loads((HEADS / variant.name / "probes.json").read_text("utf-8"))
    assert list(probes) == [block.name for block in variant.encoded]
    assert all(0 < len(probe) <= DIM for probe in probes.values())


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_members_of_the_ensemble_read_what_it_reads(variant: Variant) -> None:
    entries = {entry.name: entry for entry in variant.routers}
    together = entries["ensemble"]
    assert together.members == ENSEMBLE_MEMBERS
    for member in ENSEMBLE_MEMBERS:
        assert set(entries[member].blocks) <= set(together.blocks)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_the_card_names_every_router_and_its_figures(variant: Variant) -> None:
    card = (HEADS / variant.name / "card.md").read_text("utf-8")
    assert card.startswith(f"# The {variant.name} bundle\n")
    for entry in variant.routers:
        assert f"\n| {entry.name} | 0." in card
