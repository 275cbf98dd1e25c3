"""The options of `weir replay`; the lab is imported when the command runs."""

from pathlib import Path

import click

from weir_cli.bundles import BUNDLE, require_bundle
from weir_cli.options import JSON, SEED, files_option


@click.command()
@files_option(
    "Policies to start here, every backend replaced by the stand-in: nothing is paid for.",
    required=False,
)
@click.option("--gateway", metavar="URL", help="A running gateway instead; its backends are paid.")
@click.option("--key", envvar="WEIR_API_KEY", show_envvar=True, help="The gateway's API key.")
@click.option("--policy", help="The policy to judge, where the files have several.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Recorded outcomes: a file, or a folder of them.",
)
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="BACKEND=MODEL",
    help="A candidate and the model it is recorded as, weakest first.  [default: by name]",
)
@click.option("--source", help="Only the prompts that were recorded from this source.")
@BUNDLE
@click.option("--limit", type=click.IntRange(1), help="At most this many prompts, drawn at random.")
@click.option(
    "--judged",
    type=click.FloatRange(0.5, 1.0, max_open=True),
    metavar="SKILL",
    help="With -f: how often the judge of its cascade prefers a right answer to a wrong one.",
)
@click.option(
    "--repeated",
    type=click.FloatRange(0.0, 0.9),
    default=0.0,
    show_default=True,
    help="Share of requests that repeat an earlier prompt, for policies with a cache.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1024),
    default=32,
    show_default=True,
    help="How many requests are open at the same time.",
)
@SEED
@click.option("--out", type=click.Path(path_type=Path), help="Also write the ledger as JSON.")
@JSON
def replay(  # noqa: PLR0913 - one parameter per option
    *,
    paths: tuple[Path, ...],
    gateway: str | None,
    key: str | None,
    policy: str | None,
    data: Path,
    mapped: tuple[str, ...],
    source: str | None,
    bundle: Path | None,
    limit: int | None,
    judged: float | None,
    repeated: float,
    concurrency: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Send recorded prompts through a gateway over HTTP, and settle its choices.

    Quality and cost are the recorded ones of the chosen model. They are shown beside always
    calling one model, choosing at random, and the best choice of each prompt.
    """
    if bool(paths) == bool(gateway):
        raise click.UsageError("give either -f or --gateway")
    if judged is not None and gateway:
        raise click.UsageError("--judged is for -f: a running gateway's judge judges for itself")
    from weir_cli.replay.settle import (  # noqa: PLC0415 - needs the lab's libraries
        ReplayOptions,
        replay_and_settle,
    )

    options = ReplayOptions(
        paths=paths,
        gateway=gateway,
        key=key,
        policy=policy,
        data=data,
        mapped=mapped,
        source=source,
        bundle=require_bundle(bundle) if paths else None,
        limit=limit,
        judge_skill=judged,
        repeated=repeated,
        concurrency=concurrency,
        seed=seed,
        out=out,
    )
    replay_and_settle(options, as_json=as_json)
