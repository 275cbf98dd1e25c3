"""docs/clients.md's table has a row for every marked test, and none that did not pass."""

from support.clients import table
from support.clients.routes import ROUTES


def test_every_marked_test_has_its_row_and_no_other_is_there() -> None:
    assert set(table.documented()) == table.declared()


def test_every_cell_was_tried_and_passed() -> None:
    rows = table.documented()
    assert rows
    bad = {
        row: cells
        for row, cells in rows.items()
        if len(cells) != len(ROUTES) or not all(cells) or table.NO in cells
    }
    assert not bad
