"""The scorer's settings: `WEIR_SCORER_*`, each with default, unit and reason.

Values only; app.py uses them.
"""

from dataclasses import dataclass
from pathlib import Path

from weir_runtime.logs import LogLevel
from weir_runtime.quantities import Address, Bytes, Duration, address
from weir_runtime.settings import SettingsError, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says; numbers that are not set are chosen by the device."""

    listen: tuple[str, ...] = setting(
        "WEIR_SCORER_LISTEN",
        default="0.0.0.0:50051",
        unit="host:port or unix:///path, several with commas",
        why="Where gRPC is served; as a sidecar on unix:///run/weir/scorer.sock",
    )
    admin: Address = setting(
        "WEIR_SCORER_ADMIN",
        default="0.0.0.0:9090",
        unit="host:port",
        why="Where /livez, /readyz and /metrics are served",
    )
    bundle: Path = setting(
        "WEIR_SCORER_BUNDLE",
        default="/var/lib/weir/bundle",
        unit="folder",
        why="The bundle to serve; a link to a folder can be moved to another one while serving",
    )
    bundle_check: Duration = setting(
        "WEIR_SCORER_BUNDLE_CHECK",
        default="5s",
        unit="duration",
        why="How often to look for another bundle at that path; SIGHUP looks at once",
    )
    device: tuple[str, ...] = setting(
        "WEIR_SCORER_DEVICE",
        default="auto",
        unit="auto, cpu, cuda, tensorrt; cuda:0,cuda:1 for two GPUs, cpu:0,cpu:1 for two cores",
        why="auto takes a GPU where there is one; a device named here that is missing is a failure",
    )
    threads: int = setting(
        "WEIR_SCORER_THREADS",
        default="1",
        unit="threads",
        why="Inside one operator on a CPU; short texts rarely gain from more",
    )
    tokenisers: int = setting(
        "WEIR_SCORER_TOKENISERS",
        default="1",
        unit="threads",
        why="Prepare texts beside the device; a fast GPU wants more than one",
    )
    queue: int = setting(
        "WEIR_SCORER_QUEUE",
        default="2048",
        unit="texts",
        why="Waiting texts; more are rejected at once with RESOURCE_EXHAUSTED",
    )
    batch_texts: int | None = setting(
        "WEIR_SCORER_BATCH_TEXTS",
        default=None,
        unit="texts",
        why="Per batch; not set: 16 on a CPU, 256 on a GPU",
    )
    batch_tokens: int | None = setting(
        "WEIR_SCORER_BATCH_TOKENS",
        default=None,
        unit="tokens, padding included",
        why="Per batch; not set: 4096 on a CPU, 65536 on a GPU",
    )
    call_texts: int = setting(
        "WEIR_SCORER_CALL_TEXTS",
        default="256",
        unit="texts",
        why="Per call, so that one caller cannot fill the queue",
    )
    call_chars: int = setting(
        "WEIR_SCORER_CALL_CHARS",
        default="1000000",
        unit="characters",
        why="Per text; text beyond the bundle's own cap is not read anyway",
    )
    call_time: Duration = setting(
        "WEIR_SCORER_CALL_TIME",
        default="10s",
        unit="duration",
        why="The time limit of a call, also if it has no deadline or a longer one",
    )
    message: Bytes = setting(
        "WEIR_SCORER_MESSAGE",
        default="16MiB",
        unit="size",
        why="The largest request; larger ones are refused before they are parsed",
    )
    drain: Duration = setting(
        "WEIR_SCORER_DRAIN",
        default="10s",
        unit="duration",
        why="How long running calls may take to end after SIGTERM",
    )
    log_level: LogLevel = setting(
        "WEIR_LOG_LEVEL",
        default="info",
        unit="debug, info, warning, error",
        why="How much is logged",
    )

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The address to listen at. Raises SettingsError."""
        try:
            return tuple(address(text) for text in self.listen)
        except ValueError as error:
            raise SettingsError(f"WEIR_SCORER_LISTEN={','.join(self.listen)!r}: {error}") from error

    def check(self) -> None:
        """Raise SettingsError for what can't be meant, naming the variable."""
        positive = {
            "WEIR_SCORER_THREADS": self.threads,
            "WEIR_SCORER_TOKENISERS": self.tokenisers,
            "WEIR_SCORER_QUEUE": self.queue,
            "WEIR_SCORER_BATCH_TEXTS": self.batch_texts,
            "WEIR_SCORER_BATCH_TOKENS": self.batch_tokens,
            "WEIR_SCORER_CALL_TEXTS": self.call_texts,
            "WEIR_SCORER_CALL_CHARS": self.call_chars,
            "WEIR_SCORER_CALL_TIME": self.call_time,
            "WEIR_SCORER_BUNDLE_CHECK": self.bundle_check,
        }
        for variable, value in positive.items():
            if value is not None and value <= 0:
                raise SettingsError(f"{variable}={value}: write more than 0")
        if self.call_texts > self.queue:
            raise SettingsError(
                f"WEIR_SCORER_CALL_TEXTS={self.call_texts}: write at most WEIR_SCORER_QUEUE"
                f" ({self.queue}), or a full call never fits"
            )
        if not self.addresses:
            raise SettingsError("WEIR_SCORER_LISTEN: write host:port or unix:///path/to.sock")
