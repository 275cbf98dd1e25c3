"""Why a call got no scores.

BatchingError
├── QueueFull        shed at once: too many texts wait; nothing of the call was started
├── DeadlinePassed   dropped: its time was up before all of its texts were started
├── EngineFailed     the engine raised on a batch this call was in
└── Closed           the batcher no longer takes work
"""


class BatchingError(Exception):
    """Base of the reasons."""


class QueueFull(BatchingError):
    """Too many texts wait already."""

    def __init__(self, texts: int, waiting: int, bound: int) -> None:
        super().__init__(
            f"the queue is full: {waiting} of {bound} texts wait and {texts} more came;"
            " retry with a back-off or add scorers"
        )


class DeadlinePassed(BatchingError):
    """The call's deadline passed before its texts were all scored."""

    def __init__(self) -> None:
        super().__init__("the deadline passed while texts waited; they were dropped unstarted")


class EngineFailed(BatchingError):
    """The engine raised; the cause is chained and logged."""

    def __init__(self) -> None:
        super().__init__("the engine failed on this batch; the scorer's log has the cause")


class Closed(BatchingError):
    """The batcher is closing."""

    def __init__(self) -> None:
        super().__init__("this bundle is being closed")


class DeviceLost(Exception):
    """A device fails on everything, its own warm-up too; only a new process gets it back."""

    def __init__(self, device: str, cause: Exception) -> None:
        super().__init__(f"{device} fails on everything, the last time with: {cause}")
