"""Prompts from JSONL or parquet, one at a time: a file of any size in bounded memory.

A line that is not {"id", "prompt"} is an error that names the line.
"""

import json
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from weir_cli.failure import Failure

_LONGEST_LINE = 64 * 1024 * 1024  # bytes; more is no prompt, and would not be memory well bounded
_ID_COLUMNS = ("id", "prompt_id")
_PROMPT_KEY = "prompt"

Id = str | int


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt with its id."""

    id: Id
    text: str
    earlier: tuple[str, ...] = ()  # the user's turns before it, oldest first


@dataclass(frozen=True, slots=True)
class Source:
    """Where prompts come from."""

    prompts: Iterator[Prompt]
    total: int | None  # in the unit of `done`; None where it cannot be known
    done: Callable[[], int]  # how far reading has come


@contextmanager
def open_prompts(path: Path) -> Generator[Source]:
    """The prompts of a JSONL file, a .parquet file, or standard input ("-").

    Raises Failure: at once for a file that cannot be opened, and while iterating for a bad line.
    """
    if path.suffix == ".parquet":
        yield _parquet(path)
        return
    if str(path) == "-":
        yield _lines(sys.stdin.buffer, None)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from error
    with file:
        yield _lines(file, path.stat().st_size)


def parse_line(line: bytes, number: int) -> Prompt:
    """The prompt of line `number` (from 1). Raises Failure, which names it."""
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _bad(number, f"not JSON ({error})") from error
    if not isinstance(value, dict):
        raise _bad(number, "not a JSON object")
    fields = cast("dict[str, object]", value)
    identity, text = fields.get("id"), fields.get(_PROMPT_KEY)
    if not isinstance(identity, str | int) or isinstance(identity, bool):
        raise _bad(number, '"id" must be a text or a whole number')
    if not isinstance(text, str):
        raise _bad(number, '"prompt" must be a text')
    return Prompt(identity, text, _earlier(fields, number))


def _earlier(fields: dict[str, object], number: int) -> tuple[str, ...]:
    value = fields.get("earlier", [])
    turns = cast("list[object]", value) if isinstance(value, list) else None
    if turns is None or not all(isinstance(turn, str) for turn in turns):
        raise _bad(number, '"earlier" must be a list of texts')
    return tuple(cast("list[str]", turns))


def _bad(number: int, problem: str) -> Failure:
    return Failure(f"line {number}: {problem}", hint='Each line is {"id": "...", "prompt": "..."}.')


def _lines(file: BinaryIO, size: int | None) -> Source:
    place = 0

    def prompts() -> Iterator[Prompt]:
        nonlocal place
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            place += len(line)
            if len(line) > _LONGEST_LINE:
                raise _bad(number, f"longer than {_LONGEST_LINE // 1024**2} MiB")
            if line.strip():
                yield parse_line(line, number)

    return Source(prompts(), size, lambda: place)


def _parquet(path: Path) -> Source:
    try:
        # Imported here: only a parquet file needs pyarrow.
        from weir_lab.datasets.parquet import ParquetTable  # noqa: PLC0415 - see above
        from weir_lab.errors import DataError  # noqa: PLC0415 - goes with it
    except ModuleNotFoundError as missing:
        raise Failure(
            f"{path}: reading parquet needs pyarrow, which is not installed.",
            hint="pip install 'weir-gateway[lab]', or convert the file to JSONL",
        ) from missing
    try:
        table = ParquetTable(path)
    except DataError as error:
        raise Failure(str(error)) from error
    key = next((name for name in _ID_COLUMNS if name in table.columns), None)
    if key is None or _PROMPT_KEY not in table.columns:
        raise Failure(
            f"{path}: needs columns `prompt` and `id` (or `prompt_id`);"
            f" it has {', '.join(table.columns)}"
        )
    row = 0

    def prompts() -> Iterator[Prompt]:
        nonlocal row
        try:
            for identity, text in table.rows(key, _PROMPT_KEY):
                row += 1
                yield _checked(identity, text, row)
        except DataError as error:
            raise Failure(str(error)) from error

    return Source(prompts(), table.count, lambda: row)


def _checked(identity: object, text: object, row: int) -> Prompt:
    if not isinstance(identity, str | int) or not isinstance(text, str):
        raise Failure(f"row {row}: `id` must be a text or a whole number, `prompt` a text")
    return Prompt(identity, text)
