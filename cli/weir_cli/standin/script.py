"""Answers that are written down beforehand, by model and question, for the stand-in to give.

One JSON object a line: `{"model": ..., "prompt": ..., "answer": ...}`. The prompt is the last user
turn's text.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

Script = Mapping[tuple[str, str], str]
FIELDS = ("model", "prompt", "answer")


class BadScript(ValueError):
    """The file is no script; the message says where and why."""


def read(path: Path) -> Script:
    """Read a script. Raises BadScript, naming the line, and OSError."""
    script: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                model, prompt, answer = _line(line, f"{path}:{number}")
                script[model, prompt] = answer
    return script


def line(model: str, prompt: str, answer: str) -> str:
    """One line of a script."""
    return json.dumps({"model": model, "prompt": prompt, "answer": answer}) + "\n"


def _line(text: str, where: str) -> tuple[str, str, str]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadScript(f"{where}: not JSON: {error}") from error
    if not isinstance(told, dict):
        raise BadScript(f"{where}: not a JSON object")
    found = [cast("dict[str, object]", told).get(name) for name in FIELDS]
    if not all(isinstance(value, str) for value in found):
        raise BadScript(f"{where}: needs the texts {', '.join(FIELDS)}")
    model, prompt, answer = cast("list[str]", found)
    return model, prompt, answer
