"""How well a prompt's kind is known: near prompts are known, far ones aren't, labels add theirs."""

import numpy as np
import pytest
from numpy.typing import NDArray

from support.heads import COLUMNS, head_arrays, rows
from weir_lab.routers.familiarity import UNKNOWN, fit_familiarity, with_own
from weir_lab.routers.task import Battles, Task
from weir_scorer.engine.familiarity import Familiarity
from weir_scorer.engine.routers import BadHead

Floats = NDArray[np.float32]
WIDTHS = (4, 8)


def prompts(count: int, seed: int, at: float = 0.0) -> Floats:
    """Rows around twenty kinds of prompts; `at` moves them all."""
    random = np.random.default_rng(seed)
    kinds = np.random.default_rng(7).normal(size=(20, sum(WIDTHS))) * 3
    chosen = kinds[random.integers(len(kinds), size=count)]
    return (chosen + random.normal(size=chosen.shape) + at).astype(np.float32)


def fitted(count: int = 4000) -> Familiarity:
    return Familiarity(arrays(count))


def arrays(count: int = 4000) -> dict[str, NDArray[np.generic]]:
    columns = prompts(count, 1)
    need = columns[:, 0].astype(np.float64) + np.random.default_rng(2).normal(size=count)
    task = Task(columns, WIDTHS, need, np.ones(count), Battles.none(), 0, 3)
    return dict(fit_familiarity(task, np.arange(count) % 5 == 0))


def test_a_twentieth_of_prompts_like_those_of_training_is_unknown() -> None:
    known = fitted()(prompts(4000, 11))
    assert np.mean(known < UNKNOWN) == pytest.approx(0.05, abs=0.03)
    assert np.mean(known) == pytest.approx(0.5, abs=0.05)


def test_prompts_far_from_all_of_training_are_unknown() -> None:
    known = fitted()(prompts(500, 12, at=6.0))
    assert np.mean(known < UNKNOWN) > 0.95


def test_prompts_whose_two_members_disagree_are_less_known() -> None:
    """The same prompts, with the nearest centres' need turned round."""
    straight = arrays()
    turned = {**straight, "needs": -np.asarray(straight["needs"], np.float32)}
    some = prompts(2000, 13)
    assert Familiarity(turned)(some).mean() < Familiarity(straight)(some).mean() - 0.1


def test_labelled_prompts_make_their_kind_known() -> None:
    own = with_own(arrays(), prompts(300, 14, at=6.0), seed=0)
    known = Familiarity(own)
    assert np.mean(known(prompts(500, 15, at=6.0)) < UNKNOWN) < 0.2
    assert np.mean(known(prompts(500, 16, at=-6.0)) < UNKNOWN) > 0.95, "another new kind"


def test_labels_take_nothing_from_what_was_known() -> None:
    some, before = prompts(500, 17), arrays()
    after = with_own(before, prompts(60, 18, at=6.0), seed=0)
    assert np.all(Familiarity(after)(some) >= Familiarity(before)(some))


def test_it_is_between_0_and_1_whatever_the_columns() -> None:
    known = Familiarity(head_arrays("familiarity"))(rows(50) * 1e6)
    assert known.dtype == np.float32
    assert np.all((known >= 0) & (known <= 1))


def test_a_row_s_number_does_not_depend_on_the_others() -> None:
    known, some = fitted(), prompts(40, 19)
    alone = np.concatenate([known(some[row : row + 1]) for row in range(len(some))])
    assert known(some) == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"needs": np.zeros(3, np.float32)}, "`needs` has 3 rows"),
        ({"direction": np.zeros(3, np.float32)}, "`direction` has 3 rows"),
        ({"neighbours": np.array(13, np.float32)}, "1 to 12"),
        ({"weights": np.zeros(12, np.float32)}, "must be positive"),
        ({"known_knots": np.array([1, 0], np.float32)}, "ascending"),
        ({"own": np.zeros((2, 3), np.int8), "own_scale": np.ones(3, np.float32)}, "rows of 4"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    changed: dict[str, NDArray[np.generic]], problem: str
) -> None:
    whole = {**head_arrays("familiarity", columns=COLUMNS), **changed}
    with pytest.raises(BadHead, match=problem):
        Familiarity(whole)
