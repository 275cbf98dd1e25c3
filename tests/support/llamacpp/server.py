"""The server as a subprocess: started on a model made on the spot, waited for, ended."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from support.llamacpp.model import write_model

TESTS = Path(__file__).resolve().parents[2]
STOP_SECONDS = 30.0
MODEL = "llama-noise"  # the name it answers under


@contextmanager
def llama_server(folder: Path, *, embeddings: bool = False) -> Generator[str]:
    """Serve until the block is left; gives `http://host:port`. Its log is `folder`/llama.log.

    A server of embeddings answers nothing else.
    """
    model, log = folder / "noise.gguf", folder / "llama.log"
    write_model(model)
    flags = ["--embeddings"] if embeddings else []
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "support.llamacpp", str(model), *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=TESTS,
        ) as process,
    ):
        try:
            yield _ready(process, log)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # its signal to end
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return line.removeprefix("ready ").strip()
    said = log.read_text(encoding="utf-8", errors="replace")
    raise AssertionError(f"llama.cpp ended with {process.wait()}:\n{said}")
