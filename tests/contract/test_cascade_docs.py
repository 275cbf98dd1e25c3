"""docs/cascade.md shows the prompts that judges really get."""

import re
from pathlib import Path

from weir_wires.judging import DIFFICULTY_RULES, QUALITY_RULES

PAGE = Path(__file__).parents[2] / "docs" / "cascade.md"


def shown(name: str) -> str:
    """The prompt as the page has it."""
    match = re.search(
        rf"<!-- prompt:{name} -->\n```text\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL
    )
    assert match is not None
    return match[1]


def test_the_prompt_for_answers() -> None:
    assert shown("good") == QUALITY_RULES


def test_the_prompt_for_prompts() -> None:
    assert shown("hard") == DIFFICULTY_RULES
