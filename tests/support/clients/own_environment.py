"""Environments of their own, each made once from its lock, and LlamaIndex's programs run in one.

`llama-index-llms-openai-like` and `litellm` want other versions of what our own tests need. Needs a
package registry the first time; kept under .cache/ by the lock's hash.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("llama_index_program.py")
INSTALL_WITHIN = 600.0  # seconds; 300 to 750 MB unpacked
RUN_WITHIN = 120.0


class NotInstallableError(Exception):
    """The environment can't be made here; the message says why."""


def environment(name: str) -> Path:
    """The Python of requirements/`name`.txt, made where it isn't there yet.

    Raises NotInstallableError.
    """
    lock = ROOT / "requirements" / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"{name}-{digest}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes"]
        _run([*pip, "-r", str(lock)])
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
        raise NotInstallableError(f"no environment of its own: {error}") from error
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise NotInstallableError(f"no environment of its own: {last[0]}")
