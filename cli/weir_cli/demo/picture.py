"""The demo's table, and how to call what is now running."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from weir_cli.demo.client import AgentRow, Row
from weir_cli.demo.models import Models
from weir_cli.score_bar import Scale, bar

_BAR_WIDTH = 12
_REST_WIDTH = 82  # of every column but the prompt's
_LEAST_PROMPT, _MOST_PROMPT = 16, 60


def picture(rows: Sequence[Row], threshold: float | None, scale: Scale, width: int) -> Table:
    """One line per prompt, totals below; prompts are cut to fit into `width`."""
    room = min(max(width - _REST_WIDTH, _LEAST_PROMPT), _MOST_PROMPT)
    table = Table(title=_title(threshold), title_justify="left", show_footer=True)
    paid, saved = sum(row.cost_usd for row in rows), sum(row.saved_usd for row in rows)
    share = saved / (paid + saved) if paid + saved else 0.0
    table.add_column("prompt", footer=f"{len(rows)} prompts", no_wrap=True)
    table.add_column("score", no_wrap=True)
    table.add_column("model", no_wrap=True)
    table.add_column("why", no_wrap=True)
    table.add_column("cost", justify="right", footer=_usd(paid), no_wrap=True)
    table.add_column("saved", justify="right", footer=f"{_usd(saved)} {share:.0%}", no_wrap=True)
    for row in rows:
        score = _score(row, threshold, scale)
        cost, spared = _usd(row.cost_usd), _usd(row.saved_usd)
        table.add_row(_short(row.prompt, room), score, row.model, row.reason, cost, spared)
    return table


def session_picture(turns: Sequence[AgentRow]) -> Table:
    """A coding agent's session: which model took each turn, and why."""
    title = (
        "An agent's session: the large model takes over when tests keep failing, and leaves when "
        "the work has settled"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("the agent", no_wrap=True)
    table.add_column("fails", justify="right", no_wrap=True)
    table.add_column("model", no_wrap=True)
    table.add_column("why", no_wrap=True)
    for turn in turns:
        score = "" if turn.score is None else f"{turn.score:.2f}"
        strong = turn.model == turns[-1].model
        table.add_row(turn.event, score, turn.model, turn.reason, style="" if strong else "bold")
    return table


def how_to_call(url: str, models: Models, policy: Path) -> Group:
    """What a newcomer can paste next."""
    body = '{"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}'
    curl = f"curl -i {url}/v1/chat/completions -H 'content-type: application/json' -d '{body}'"
    python = (
        "import openai  # pip install openai\n"
        f'    client = openai.OpenAI(base_url="{url}/v1", api_key="none")\n'
        '    client.chat.completions.create(model="auto", messages=[...])'
    )
    return Group(
        Text(_truth(models)),
        Text(
            "The bar shows how many reference prompts are easier; the mark is the threshold. Saved "
            "is an estimate:\nthe same tokens at the strongest model's price, less what was paid."
        ),
        Text(f"\nCall it:\n    {curl}\n\nor in Python:\n    {python}\n"),
        Text(f"Edit {policy}: changes apply at once. Ctrl-C ends it. Other commands: {_program()}"),
    )


def _title(threshold: float | None) -> str:
    if threshold is None:
        return "What Weir decided"
    return f"What Weir decided (the large model answers from a score of {threshold:.3f})"


def _program() -> str:
    """How the user's shell finds this program."""
    return "weir" if shutil.which("weir") else str(Path(sys.argv[0]).resolve())


def _truth(models: Models) -> str:
    if models.real:
        weak, strong = models.names
        return f"Both models are real: {weak} and {strong} at {models.endpoint}."
    return (
        "Both models are `weir stand-in`, which answers by hash and is no model. The scores and "
        "decisions are real.\nWith OPENAI_API_KEY set, `make run` uses real ones."
    )


def _short(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _score(row: Row, threshold: float | None, scale: Scale) -> Text:
    if row.score is None:
        return Text("not scored", "dim")
    place = scale.share_easier(row.score)
    drawn = bar(
        place, None if threshold is None else scale.share_easier(threshold), width=_BAR_WIDTH
    )
    return Text(f"{row.score:.3f} ").append_text(drawn).append(f" {place:4.0%}")


def _usd(amount: float) -> str:
    rounded = round(amount, 6) + 0.0  # never -0
    return f"${rounded:.6f}" if rounded >= 0 else f"-${-rounded:.6f}"
