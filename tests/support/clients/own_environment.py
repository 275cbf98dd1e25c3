"""An environment of its own for LlamaIndex, made once from its lock, and programs run in it.

`llama-index-llms-openai-like` wants another major version of the OpenAI client than our own tests.
Needs a package registry the first time; kept under .cache/ by the lock's hash.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements" / "llama-index.txt"
PROGRAM = Path(__file__).with_name("llama_index_program.py")
INSTALL_WITHIN = 600.0  # seconds; about 300 MB unpacked
RUN_WITHIN = 120.0


class NotInstallableError(Exception):
    """The environment can't be made here; the message says why."""


def environment() -> Path:
    """Its Python, made and filled where it isn't there yet. Raises NotInstallableError."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"llama-index-{digest}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes"]
        _run([*pip, "-r", str(LOCK)])
        done.touch()
    return python


def ask(python: Path, url: str, model: str, case: str) -> dict[str, Any]:
    """What the program tells of `case`."""
    ran = subprocess.run(
        [str(python), str(PROGRAM), url, model, case],
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _run(arguments: list[str]) -> None:
    try:
        ran = subprocess.run(
            arguments, capture_output=True, text=True, timeout=INSTALL_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstallableError(f"no environment for LlamaIndex: {error}") from error
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise NotInstallableError(f"no environment for LlamaIndex: {last[0]}")
