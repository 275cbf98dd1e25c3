"""Options and checks that several commands share."""

from pathlib import Path

import click

from weir_cli.failure import Failure

DEFAULT_BUNDLE = Path(".cache/bundle")

FILES = click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A YAML file, or a folder of them. May be given more than once.",
)
BUNDLE = click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    default=DEFAULT_BUNDLE,
    show_default=True,
    envvar="WEIR_BUNDLE",
    show_envvar=True,
    help="The scorer's bundle.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a picture.")


def existing(bundle: Path) -> Path:
    """The bundle's folder. Raises Failure, saying how to build it, where there is none."""
    if not (bundle / "bundle.json").is_file():
        raise Failure(f"There is no bundle in {bundle}.", hint=f"weir bundle build --out {bundle}")
    return bundle
