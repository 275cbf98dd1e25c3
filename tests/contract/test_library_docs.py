"""docs/library.md: its policies decide, and its table of a decision's fields is complete."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import weir
from support.bundles import ROOT, tiny_bundle

PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


def test_the_policies_of_the_page_decide(tmp_path: Path) -> None:
    example = re.search(r"```python\n(def resource.*?)```", PAGE, re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)  # noqa: S102 - our own page
    with weir.Decider.open(names["policies"], bundle=tiny_bundle(tmp_path)) as decider:
        assert decider.decide("Why?").model in {"gpt-4o-mini", "gpt-4o"}


def test_every_field_of_a_decision_is_in_the_table() -> None:
    told = set(re.findall(r"`(\w+)`", PAGE))
    assert not {field.name for field in fields(weir.Decision)} - told


def test_every_error_is_in_the_table() -> None:
    errors = {
        name
        for name in weir.__all__
        if isinstance(getattr(weir, name), type) and issubclass(getattr(weir, name), weir.Error)
    }
    assert not {name for name in errors - {"Error"} if f"| `{name}` |" not in PAGE}
