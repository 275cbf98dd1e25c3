"""The parts of a `linear` head: each learns what its rows say, and the gate tells them apart."""

import numpy as np
from numpy.typing import NDArray

from weir_lab.routers.regression import sigmoid
from weir_lab.routers.sense import Outcomes, Pairs, fit_gate, fit_outcomes, fit_sense

LENGTH = 0
WIDTH = 6
Doubles = NDArray[np.float64]


def outcomes(count: int = 2000) -> Outcomes:
    """Need follows the length; column 5 marks where the prompts are from."""
    random = np.random.default_rng(1)
    columns = random.normal(size=(count, WIDTH))
    columns[:, 5] = -1 + 0.1 * columns[:, 5]
    need = columns[:, LENGTH] + 0.5 * random.normal(size=count)
    return Outcomes(columns, need, np.ones(count))


def pairs(count: int = 300) -> Pairs:
    """The hard prompt is shorter, and higher in column 2."""
    random = np.random.default_rng(2)
    easy = random.normal(size=(count, WIDTH))
    hard = easy + 0.1 * random.normal(size=(count, WIDTH))
    hard[:, 2] += 2
    hard[:, LENGTH] -= 1
    for side in (easy, hard):
        side[:, 5] = 1
    return Pairs(easy, hard, np.ones(count))


def test_the_outcomes_part_has_mean_0_and_deviation_1_and_follows_need() -> None:
    known = outcomes()
    battles = np.eye(WIDTH)[1]
    found = fit_outcomes(known, LENGTH, battles)(known.columns)
    assert abs(float(found.mean())) < 1e-9
    assert abs(float(found.std()) - 1) < 1e-9
    assert np.corrcoef(found, known.need)[0, 1] > 0.5


def test_the_battles_direction_counts_as_much_as_the_rest() -> None:
    known = outcomes()
    along = fit_outcomes(known, LENGTH, np.eye(WIDTH)[1]).weights
    against = fit_outcomes(known, LENGTH, -np.eye(WIDTH)[1]).weights
    assert along[1] > 0.5
    assert against[1] < -0.5


def test_the_sense_part_orders_pairs_that_length_would_turn_round() -> None:
    known, written = outcomes(), pairs()
    by_outcomes = fit_outcomes(known, LENGTH, np.eye(WIDTH)[1])
    by_sense = fit_sense(known, written, LENGTH)
    assert np.mean(by_outcomes(written.hard) > by_outcomes(written.easy)) < 0.1
    assert np.mean(by_sense(written.hard) > by_sense(written.easy)) > 0.9


def test_a_pair_of_weight_0_teaches_nothing() -> None:
    known, written = outcomes(), pairs()
    turned = Pairs(
        np.concatenate([written.easy, written.hard]),
        np.concatenate([written.hard, written.easy]),
        np.repeat([1.0, 0.0], len(written.easy)),
    )
    np.testing.assert_allclose(
        fit_sense(known, turned, LENGTH).weights, fit_sense(known, written, LENGTH).weights
    )


def test_the_gate_opens_for_written_prompts() -> None:
    known, written = outcomes(), pairs()
    gate = fit_gate(known, written)
    assert float(np.mean(sigmoid(gate(written.easy)))) > 0.9
    assert float(np.mean(sigmoid(gate(known.columns)))) < 0.1
