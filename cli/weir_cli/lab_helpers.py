"""What the lab's commands share: a progress bar, scoring, and the lab's errors as failures."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from weir_cli.failure import Failure
from weir_lab.arrays import Doubles
from weir_lab.bundles.columns import read_columns
from weir_lab.errors import LabError
from weir_lab.routers.task import Columns
from weir_lab.scoring import Scored, score_prompts
from weir_scorer.bundle.bundle import Bundle
from weir_scorer.bundle.errors import BuildError, BundleError
from weir_scorer.engine.ports import EngineError
from weir_scorer.features.turns import Prompt


@contextmanager
def lab_failures() -> Generator[None]:
    """Turn what the lab and the scorer refuse into one plain line and exit code 1."""
    try:
        yield
    except (LabError, BundleError, BuildError, EngineError) as error:
        raise Failure(str(error)) from error
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from error


def open_bundle(path: Path) -> Bundle:
    """On the CPU, so that figures don't depend on the device. Raises Failure."""
    with lab_failures():
        return Bundle.open(path, devices=["cpu"])


def score_with_bar(bundle: Bundle, router: str, prompts: tuple[Prompt, ...]) -> Scored:
    """Score prompts, with a bar on standard error where that is a terminal."""
    with progress_bar() as progress, lab_failures():
        task = progress.add_task(f"scoring with {router}", total=len(prompts))
        return score_prompts(
            bundle, router, prompts, lambda more: progress.update(task, advance=more)
        )


def columns_of(path: Path, router: str, prompts: tuple[str, ...]) -> Columns:
    """What a linear router of the bundle reads of prompts, with a bar. Raises Failure."""
    with open_bundle(path) as bundle, progress_bar() as progress, lab_failures():
        task = progress.add_task("reading prompts", total=len(prompts))
        return read_columns(
            path, bundle, router, prompts, lambda more: progress.update(task, advance=more)
        )


def scores_of(bundle: Bundle, router: str, prompts: tuple[Prompt, ...]) -> Doubles:
    """The scores alone."""
    return score_with_bar(bundle, router, prompts).scores


def progress_bar() -> Progress:
    """Silent where standard error is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def say_step(line: str) -> None:
    """Show a step of long work on standard error, if that is a terminal."""
    console = Console(stderr=True)
    if console.is_terminal:
        console.print(f"[dim]{line}[/dim]")
