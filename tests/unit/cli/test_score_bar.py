"""The bar: as wide as told, the mark at the threshold's place, the colour by its side."""

from hypothesis import given
from hypothesis import strategies as st

from weir_cli.score_bar import Scale, bar, mark_at

shares = st.floats(0, 1)


@given(shares, st.none() | shares, st.integers(1, 60))
def test_bar_is_as_wide_as_told_and_marked_once(
    place: float, threshold: float | None, width: int
) -> None:
    drawn = bar(place, threshold, width=width).plain
    assert len(drawn) == width
    assert drawn.count("┃") == (threshold is not None)
    if threshold is not None:
        assert drawn.index("┃") == mark_at(threshold, width)


@given(st.lists(shares, min_size=1).map(sorted), shares, shares)
def test_places_keep_the_order_of_scores(quantiles: list[float], one: float, two: float) -> None:
    low, high = sorted((one, two))
    scale = Scale(quantiles)
    assert 0 <= scale.share_easier(low) <= scale.share_easier(high) <= 1


def test_without_reference_prompts_a_score_is_its_own_place() -> None:
    assert Scale(()).share_easier(0.4) == 0.4
