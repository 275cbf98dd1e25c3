"""The options of `weir eval`; the lab is imported when the command runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.options import JSON, SEED, Percent, files_option, since_micros

_ONLY_WITH: Final = {
    "data": ("files", "weak", "strong", "share"),
    "feedback": ("paths", "policy", "threshold", "since", "clip"),
}


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
    data: Path | None,
    feedback: Path | None,
    bundle: Path | None,
    routers: tuple[str, ...],
    **_: object,
) -> None:
    """Measure routers on recorded outcomes, beside chance, length, neighbours and the oracle.

    Prints a table, and writes a JSON file and a page with curves, slices and intervals.

    With --feedback: how clients would have rated another --threshold, the policy of -f, or another
    --bundle or --router, estimated from the decisions that were explored at random.
    """
    if (data is None) == (feedback is None):
        raise click.UsageError("give either --data or --feedback")
    _refuse_unused(context, "data" if feedback is None else "feedback")
    if feedback is not None:
        if len(routers) > 1:
            raise click.UsageError("with --feedback, name one --router")
        rescore = bool(routers) or _on_command_line(context, "bundle")
        _eval_feedback(context.params, rescore=rescore)
    elif data is not None:
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


def _refuse_unused(context: click.Context, mode: str) -> None:
    """Refuse an option that belongs to the other mode: it would have no effect."""
    other = "data" if mode == "feedback" else "feedback"
    for option in context.command.params:
        if option.name in _ONLY_WITH[other] and _on_command_line(context, option.name):
            raise click.UsageError(f"{option.opts[-1]} goes with --{other}, not with --{mode}")


def _on_command_line(context: click.Context, name: str) -> bool:
    """Whether an option was given, rather than left to the environment or its default."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE
