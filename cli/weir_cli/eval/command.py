"""The options of `weir eval`; the lab is imported when the command runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.options import JSON, SEED, Percent, files_option, since_micros

_MODES: Final = ("data", "feedback", "sense", "agents", "gate")
_ONLY_WITH: Final = {
    "data": ("files", "weak", "strong", "share"),
    "feedback": ("paths", "policy", "threshold", "since", "clip"),
    "sense": ("chats", "filler"),
    "agents": ("weights",),
    "gate": ("weak", "strong", "harness", "auroc"),
}
_WITHOUT_PAGE: Final = ("sense", "gate")


@click.command("eval")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Outcomes or paired scores: a parquet, JSONL or CSV file, or a folder of them.",
)
@click.option(
    "--feedback",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="LEDGER",
    help="Instead of --data: a ledger with clients' feedback, to estimate another policy from.",
)
@click.option(
    "--sense",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="PAIRS",
    help="Instead of --data: easy and hard prompts, JSONL lines {id, language, kind, easy, hard}.",
)
@click.option(
    "--chats",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --sense: conversations that are hard or easy, JSONL lines {turns, hard}.",
)
@click.option(
    "--filler",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --sense: texts between lines of --- to put around the prompts.",
)
@click.option(
    "--agents",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="RUNS",
    help="Instead of --data: agents' recorded runs, a parquet file with one turn a row.",
)
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --agents: a file of `weir train --agents` to measure beside the prior.",
)
@click.option(
    "--gate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TASKS",
    help="Instead of --data: agents' recorded tasks with costs, to replay a finish gate on.",
)
@click.option("--harness", help="With --gate: the harness whose tasks are replayed.")
@click.option(
    "--auroc",
    type=click.FloatRange(0.5, 0.99),
    default=0.72,
    show_default=True,
    help="With --gate: how well the finish score tells failed runs of the weak model.",
)
@files_option(
    "With --feedback: policy files whose policy of the same name is estimated.", required=False
)
@click.option("--policy", help="With --feedback: the policy, where the ledger has several.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="With --feedback: the threshold to estimate.",
)
@click.option("--since", metavar="DURATION", help="With --feedback: only what ended in this time.")
@click.option(
    "--clip",
    type=click.FloatRange(1),
    default=100.0,
    show_default=True,
    help="With --feedback: the largest weight of a rating; the report shows the bias.",
)
@BUNDLE
@click.option(
    "--router",
    "routers",
    multiple=True,
    help="A router of the bundle; may be given more than once.  [default: the bundle's]",
)
@click.option(
    "--scores",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="Another router's scores: JSONL lines {id, score}, in the order of the prompts.",
)
@click.option("--weak", help="The weak model.  [default: the cheapest]")
@click.option("--strong", help="The strong model.  [default: the best]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("evaluation"),
    show_default=True,
    help="Writes OUT.json and OUT.html.",
)
@click.option(
    "--share",
    type=Percent(),
    default="20%",
    show_default=True,
    help="The share of strong calls at which slices and flips are judged.",
)
@click.option(
    "--repeats",
    type=click.IntRange(20),
    default=1000,
    show_default=True,
    help="Bootstrap samples for the intervals.",
)
@SEED
@JSON
@click.pass_context
def evaluation(
    context: click.Context,
    /,
    *,
    bundle: Path | None,
    routers: tuple[str, ...],
    **options: object,
) -> None:
    """Measure routers on recorded outcomes, beside chance, length, neighbours and the oracle.

    Prints a table, and writes a JSON file and a page with curves, slices and intervals.

    With --feedback: how clients would have rated another --threshold, the policy of -f, or another
    --bundle or --router, estimated from the decisions that were explored at random.

    With --sense: how often a hard prompt scores above an easy one, also where the two are of like
    length, in other languages, and amid filler.

    With --agents: how well failure is seen coming in agents' runs, within each model. With --gate:
    what a finish gate would have saved between two models, and what gate_pays says of them.
    """
    modes = [mode for mode in _MODES if options[mode] is not None]
    if len(modes) != 1:
        raise click.UsageError("give one of --data, --feedback, --sense, --agents and --gate")
    _refuse_unused(context, modes[0])
    match modes[0]:
        case "feedback":
            if len(routers) > 1:
                raise click.UsageError("with --feedback, name one --router")
            rescore = bool(routers) or _on_command_line(context, "bundle")
            _eval_feedback(context.params, rescore=rescore)
        case "sense":
            _eval_sense(context.params, require_bundle(bundle))
        case "agents":
            _eval_agents(context.params)
        case "gate":
            _eval_gate(context.params)
        case _:
            _eval_recorded(context.params, require_bundle(bundle))


eval = evaluation  # noqa: A001 - the table of commands looks for the command's own name


def _eval_feedback(options: Mapping[str, Any], *, rescore: bool) -> None:
    from weir_cli.eval.feedback import (  # noqa: PLC0415 - needs the lab's libraries
        EvalOptions,
        eval_feedback,
    )

    names = ("policy", "threshold", "bundle", "clip", "repeats", "seed", "out")
    feedback = EvalOptions(
        ledger=options["feedback"],
        files=options["paths"],
        rescore=rescore,
        router=next(iter(options["routers"]), None),
        since=since_micros(options["since"]),
        **{name: options[name] for name in names},
    )
    eval_feedback(feedback, as_json=options["as_json"])


def _eval_recorded(options: Mapping[str, Any], bundle: Path) -> None:
    from weir_cli.eval.recorded import (  # noqa: PLC0415 - needs the lab's libraries
        RecordedOptions,
        eval_recorded,
    )

    names = ("data", "routers", "weak", "strong", "share", "repeats", "seed", "out")
    recorded = RecordedOptions(
        bundle=bundle,
        score_files=options["files"],
        **{name: options[name] for name in names},
    )
    eval_recorded(recorded, as_json=options["as_json"])


def _eval_sense(options: Mapping[str, Any], bundle: Path) -> None:
    from weir_cli.eval.sense import (  # noqa: PLC0415 - needs the lab's libraries
        SenseOptions,
        eval_sense,
    )

    names = ("chats", "filler", "routers", "repeats", "seed")
    sense = SenseOptions(
        bundle=bundle, pairs=options["sense"], **{name: options[name] for name in names}
    )
    eval_sense(sense, as_json=options["as_json"])


def _eval_agents(options: Mapping[str, Any]) -> None:
    from weir_cli.eval.agents import eval_agents  # noqa: PLC0415 - needs the lab's libraries
    from weir_lab.agents.evaluate import AgentOptions  # noqa: PLC0415 - as above

    eval_agents(
        options["agents"],
        options["weights"],
        AgentOptions(repeats=options["repeats"], seed=options["seed"]),
        options["out"],
        as_json=options["as_json"],
    )


def _eval_gate(options: Mapping[str, Any]) -> None:
    from weir_cli.eval.gate import GateOptions, eval_gate  # noqa: PLC0415 - needs the lab's libraries

    names = ("gate", "weak", "strong", "harness", "auroc", "seed")
    missing = [name for name in ("weak", "strong", "harness") if not options[name]]
    if missing:
        raise click.UsageError(f"--gate needs --{missing[0]}")
    eval_gate(GateOptions(**{name: options[name] for name in names}), as_json=options["as_json"])


def _refuse_unused(context: click.Context, mode: str) -> None:
    """Refuse an option that belongs to another mode: it would have no effect."""
    for option in context.command.params:
        name = option.name or ""
        others = [f"--{other}" for other in _MODES if name in _ONLY_WITH[other]]
        if others and f"--{mode}" not in others and _on_command_line(context, name):
            modes = " or ".join(others)
            raise click.UsageError(f"{option.opts[-1]} goes with {modes}, not with --{mode}")
    if mode in _WITHOUT_PAGE and _on_command_line(context, "out"):
        raise click.UsageError(f"--out doesn't go with --{mode}, which prints its figures alone")


def _on_command_line(context: click.Context, name: str) -> bool:
    """Whether an option was given, rather than left to the environment or its default."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE
