"""Resolve pyproject.toml into hash-locked requirement files, one per program.

Files carry hashes and never an index's address. `all.txt` is what `weir up` needs; `dev.txt` is a
superset of it, so that one environment serves `make run` and `make test`.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS: dict[str, list[str]] = {
    "gateway": ["--extra", "gateway"],
    "scorer": ["--extra", "scorer"],
    "scorer-gpu": ["--extra", "scorer-gpu"],
    "operator": ["--extra", "operator"],
    "bundle": ["--extra", "scorer", "--extra", "bundle", "--extra", "cli"],
    "otlp-http": ["--extra", "otlp-http"],
    "clouds": ["--extra", "gateway", "--extra", "clouds"],
    "all": ["--extra", "all"],
    "dev": ["--extra", "all", "--extra", "clouds", "--group", "dev"],
}
# These two images carry CEL. Its wheel requires packages that only its command line imports; the
# overrides leave them out, and the Dockerfiles install with --no-deps.
WITHOUT_CEL_COMMAND_LINE = frozenset({"clouds", "gateway", "operator"})
# Tests run these two in environments of their own.
LLAMA_INDEX = "llama-index-llms-openai-like>=0.8\n"
LITELLM = "litellm[proxy]>=1.108\n"  # with the library, which its callback imports
BUILD = "hatchling>=1.27\neditables>=0.5\n"  # what `pip install --no-build-isolation .` needs


def compile_lock(name: str, source: Path | str, options: list[str], stdin: str | None) -> None:
    """Write requirements/`name`.txt, keeping versions that are locked already where they fit."""
    target = ROOT / "requirements" / f"{name}.txt"
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", str(source)),
        *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"),
        *("--no-annotate", "--quiet", "--output-file", str(target), *options),
    ]
    subprocess.run(command, check=True, cwd=ROOT, input=stdin, text=True)  # noqa: S603 - our own argv


def library() -> list[str]:
    """What the library needs, as pyproject.toml has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed: list[str] = project["optional-dependencies"]["library"]
    return needed


def main() -> None:
    """Lock every file; `dev` first, so that the others are held to its versions."""
    constraints = ["--constraints", "requirements/dev.txt"]
    compile_lock("dev", "pyproject.toml", LOCKS["dev"], None)
    for name, options in LOCKS.items():
        if name == "dev":
            continue
        extra = [] if name == "scorer-gpu" else constraints
        if name in WITHOUT_CEL_COMMAND_LINE:
            extra = [*extra, "--overrides", "requirements/without-cel-command-line.txt"]
        compile_lock(name, "pyproject.toml", [*options, *extra], None)
    compile_lock("build", "-", constraints, BUILD)
    compile_lock("llama-index", "-", [], LLAMA_INDEX)
    compile_lock("litellm", "-", [], LITELLM + "\n".join(library()))


if __name__ == "__main__":
    main()
