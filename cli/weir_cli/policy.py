"""`weir policy check|compile`: the mistakes in policy files, and the table they compile to."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from weir_cli.bundles import bundle_option, find_bundle
from weir_cli.options import FILES
from weir_cli.policy_files import compile_for
from weir_operator.local import Compiled
from weir_policy.describe.json_schema import json_schema


@click.group()
def policy() -> None:
    """Check and compile policy files."""


@policy.command()
@FILES
@bundle_option("The bundle whose routers policies may name; where none is built, any name passes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings, too.")
def check(paths: tuple[Path, ...], bundle: Path | None, *, as_json: bool, strict: bool) -> None:
    """Tell every mistake in the files: where it is and what to write instead.

    A warning tells what is valid and probably not meant. Exit status 0: no mistake; 1: at least
    one.
    """
    compiled = compile_for(paths, find_bundle(bundle))
    if not as_json:
        for warning in compiled.warnings:
            click.echo(f"warning: {warning}", err=True)
    click.echo(_as_json(compiled) if as_json else _as_text(compiled))
    sys.exit(1 if compiled.mistakes or (strict and compiled.warnings) else 0)


@policy.command(name="compile")
@FILES
def compile_command(paths: tuple[Path, ...]) -> None:
    """Print the files' route table as JSON, as the gateway reads it. Never prints a secret's value.

    With any mistake nothing is printed on stdout, and the exit status is 1.
    """
    compiled = compile_for(paths, None)
    if compiled.mistakes:
        click.echo(_as_text(compiled), err=True)
        sys.exit(1)
    click.echo(compiled.table_json.decode(), nl=False)


@policy.command()
def schema() -> None:
    """Print the JSON Schema of RoutePolicy and ModelBackend, for your editor.

    In a YAML file: `# yaml-language-server: $schema=weir.schema.json`.
    """
    click.echo(json.dumps(json_schema(), indent=2))


def _as_json(compiled: Compiled) -> str:
    return json.dumps(
        {
            "ok": not compiled.mistakes,
            "policies": len(compiled.table.policies),
            "backends": len(compiled.table.backends),
            "version": compiled.table.version,
            "mistakes": [asdict(mistake) for mistake in compiled.mistakes],
            "warnings": [asdict(warning) for warning in compiled.warnings],
        },
        indent=2,
    )


def _as_text(compiled: Compiled) -> str:
    if not compiled.mistakes:
        table = compiled.table
        counts = f"{_count(table.policies, 'policy', 'policies')}, "
        return f"OK: {counts}{_count(table.backends, 'backend', 'backends')}"
    return "\n".join(
        [*map(str, compiled.mistakes), _count(compiled.mistakes, "mistake", "mistakes")]
    )


def _count(things: object, one: str, many: str) -> str:
    number = len(things)  # type: ignore[arg-type]  # protobuf's repeated fields and tuples alike
    return f"{number} {one if number == 1 else many}"
