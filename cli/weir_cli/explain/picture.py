"""An explanation as a picture on a terminal."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from weir_cli.explain.explanation import BudgetStatus, Candidate, Explanation, Rule
from weir_cli.score_bar import bar, mark_at

_UNSCORED = {
    "rule": "not scored: a rule decided",
    "filtered": "not scored: only one candidate can serve this",
    "direct": "not scored: the client named the model",
    "scorer_unavailable": "there was none",
    "warming_up": "none yet: the judge has not rated enough prompts",
}
_WIDTH = 32
_BAR_AT = 18  # the column where the bar begins


class Picture:
    """A rich renderable of one explanation, top to bottom in the order of the decision."""

    def __init__(self, shown: Explanation) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What rich calls to draw it."""
        shown = self._shown
        yield _line("model", f"{shown.model}  →  policy {shown.policy} ({shown.objective})")
        if shown.agent:
            yield _line("agent", shown.agent)
        for rule in shown.rules:
            yield _rule(rule)
        if shown.cache != "off":
            yield _line("cache", shown.cache)
        if shown.variant:
            yield _line("variant", shown.variant)
        if shown.budget is not None:
            yield _line("budget", _budget(shown.budget))
        yield from self._score()
        for word, rest in shown.stage_lines:
            yield _line(word, rest)
        yield ""
        yield Padding(_candidates(shown.candidates), (0, 0, 0, 2))
        yield ""
        yield _choice(shown)
        after = {
            "traffic": shown.traffic,
            "cascade": shown.cascade,
            "gate": shown.finish_gate,
            "limits": shown.limits,
            "explores": shown.exploration,
        }
        for word, rest in after.items():
            if rest:
                yield _line(word, rest)
        if shown.fallbacks:
            names, kinds = ", then ".join(shown.fallbacks), ", ".join(shown.fallback_on)
            yield _line("else", f"{names}   on: {kinds}")

    def _score(self) -> RenderResult:
        shown = self._shown
        if shown.score is None:
            word = shown.reason.partition(":")[0]
            if shown.judge and word == "scorer_unavailable":
                message = f"not scored: {shown.judge} rates prompts, and explain sends nothing"
                yield _line("score", message)
                return
            yield _line("score", _UNSCORED.get(word, "none"))
            return
        if shown.stage is not None:  # of an agent's turn: no reference prompts have such a score
            yield _line("score", f"{shown.score:.3f}  (router {shown.router or 'default'})")
            return
        place, threshold = shown.harder_than or 0.0, shown.threshold_harder_than
        line = _label("score").append(f"{shown.score:.3f}  ", "not bold")
        line.append_text(bar(place, threshold, width=_WIDTH))
        line.append(
            f"  harder than {place:.0%} of prompts (router {shown.router or 'default'})", "not bold"
        )
        yield line
        if threshold is not None:
            mark = " " * (_BAR_AT + mark_at(threshold, _WIDTH)) + "╹"
            yield Text(f"{mark} threshold {shown.threshold:.3f}", "red")
        if shown.skipped:
            start = f"{shown.skipped:,} characters at the start, which the policy's prompts share"
            yield _line("skipped", start)
        if shown.known is not None:
            yield _line("known", _known(shown))


def _known(shown: Explanation) -> str:
    place = (
        f"{shown.known:.2f}   better known than {shown.known:.0%} of prompts like the trained ones"
    )
    return f"{place}: unknown" if shown.unknown else place


def _budget(state: BudgetStatus) -> str:
    limit = f"{state.limit:,.2f}" if state.limit >= 1 else f"{state.limit:.4f}"
    of = f"${state.spent:.4f} of ${limit} spent in {state.period}"
    return f"{of}; planned by now: ${state.planned:.4f}"


def _label(word: str) -> Text:
    return Text(f"  {word:<9}", "bold")


def _line(word: str, rest: str) -> Text:
    return _label(word).append(rest, "not bold")


def _rule(rule: Rule) -> Text:
    line = _label("rule")
    verdict = rule.verdict or "not evaluated"
    line.append(f"{rule.name}: {verdict}", "yellow" if rule.matched else "not bold")
    line.append(f"   {rule.when}", "dim")
    if rule.error:
        line.append(f"   {rule.error}", "red")
    return line


def _candidates(candidates: tuple[Candidate, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    table.add_column("candidate")
    table.add_column("predicted quality", justify="right")
    table.add_column("predicted cost", justify="right")
    table.add_column("")
    for each in candidates:
        quality = _unpredicted(each) if each.quality is None else f"{each.quality:.2f}"
        table.add_row(
            "▶" if each.chosen else "",
            each.name,
            quality,
            f"${each.cost_usd:.6f}",
            _remark(each),
            style="bold" if each.chosen else "",
        )
    return table


def _remark(candidate: Candidate) -> str:
    if candidate.lacks:
        return f"can't serve this: it lacks {candidate.lacks}"
    if candidate.dominated_by:
        return f"dominated: {candidate.dominated_by} is cheaper and predicted no worse"
    return ""


def _unpredicted(candidate: Candidate) -> str:
    return "not predicted" if candidate.profiled else "no `profile:`"


def _choice(shown: Explanation) -> Text:
    line = _label("choice").append(shown.choice, "bold green").append(f"   because: {shown.reason}")
    if shown.intended:
        line.append(f"   (mode Shadow: its choice is {shown.intended})", "yellow")
    elif shown.score is not None and shown.threshold is not None:
        sign = "≥" if shown.score >= shown.threshold else "<"
        line.append(f"   {shown.score:.3f} {sign} {shown.threshold:.3f}", "dim")
    elif shown.detail and shown.detail not in shown.reason:
        line.append(f"   {shown.detail}", "dim")
    return line
