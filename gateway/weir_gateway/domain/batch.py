"""Files and batches as the API shows them to their owners."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

FileId = NewType("FileId", str)  # "file-" and 32 hex digits
BatchId = NewType("BatchId", str)  # "batch_" and 32 hex digits

MAX_ITEMS = 50_000  # of one batch, as at OpenAI


class FilePurpose(StrEnum):
    """What a file is there for."""

    BATCH = "batch"  # a client's: requests, one a line
    BATCH_OUTPUT = "batch_output"  # ours: answers, or errors, one a line


class BatchStatus(StrEnum):
    """How far a batch is; the words are OpenAI's."""

    VALIDATING = "validating"
    FAILED = "failed"  # its file is not valid: nothing was sent
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self in _OVER


_OVER = frozenset(
    {BatchStatus.FAILED, BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file, its content aside."""

    id: FileId
    key: str  # the name of the client key whose it is; empty where none is asked for
    name: str  # as its client called it
    bytes: int
    created: int  # seconds since 1970
    purpose: FilePurpose


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with one line of a batch's file, or (line None) with the file."""

    code: str
    message: str
    line: int | None = None  # from 1
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many requests a batch has, and how many of them have ended."""

    total: int = 0
    completed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What a client asks for."""

    key: str
    endpoint: str  # a path of this gateway, such as /v1/chat/completions
    input_file: FileId
    window: str  # as the client wrote it
    seconds: float  # the same
    metadata: Mapping[str, str]
    headers: Mapping[str, str]  # the client's that policies may match; never secret


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch; times in seconds since 1970, None where that has not happened."""

    id: BatchId
    key: str
    endpoint: str
    input_file: FileId
    window: str
    metadata: Mapping[str, str]
    headers: Mapping[str, str]
    status: BatchStatus
    created: int
    expires: int
    in_progress: int | None = None
    finalizing: int | None = None
    completed: int | None = None
    failed: int | None = None
    expired: int | None = None
    cancelling: int | None = None
    cancelled: int | None = None
    output_file: FileId | None = None
    error_file: FileId | None = None
    errors: tuple[LineError, ...] = ()
    counts: Counts = Counts()


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list, newest first."""

    limit: int
    after: str | None = None  # the id of the last one of the page before
