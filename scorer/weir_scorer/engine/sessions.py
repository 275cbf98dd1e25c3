"""ONNX Runtime sessions: which device to run on, and which one really runs.

ONNX Runtime falls back to the CPU without an error. Here a named device that falls back is an
error, and `auto` reports the device it took.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from weir_scorer.engine.ports import DeviceUnavailable, Matrix

_PREFERRED_PRECISIONS = {"cpu": ("int8", "fp32", "fp16"), "gpu": ("fp16", "fp32", "int8")}


class DeviceKind(StrEnum):
    """The kinds of devices to choose; `auto` uses CUDA where it is available."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


_PROVIDERS = {
    DeviceKind.CPU: "CPUExecutionProvider",
    DeviceKind.CUDA: "CUDAExecutionProvider",
    DeviceKind.TENSORRT: "TensorrtExecutionProvider",
}


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A requested device: its kind, and its number among those of that kind."""

    kind: DeviceKind
    index: int = 0

    @classmethod
    def parse(cls, text: str) -> "DeviceChoice":
        """From `auto`, `cpu`, `cuda`, `cuda:1`, `tensorrt`. Raises ValueError."""
        kind, colon, index = text.strip().lower().partition(":")
        if kind not in set(DeviceKind) or (colon and not index.isdecimal()):
            raise ValueError(
                f"device {text!r}: write auto, cpu, cuda or tensorrt, or cuda:1 for the second"
            )
        return cls(DeviceKind(kind), int(index) if colon else 0)

    @property
    def explicit(self) -> bool:
        """Whether falling to another device would be a failure."""
        return self.kind is not DeviceKind.AUTO


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How sessions are opened."""

    device: DeviceChoice = DeviceChoice(DeviceKind.AUTO)
    threads: int = 1  # inside one operator, on a CPU; more than one rarely pays for short texts


def pick_precision(available: Sequence[str], choice: DeviceChoice) -> str:
    """The best of the `available` precisions for the device. Raises DeviceUnavailable if none."""
    kind = "cpu" if _runs_on_cpu(choice) else "gpu"
    for precision in _PREFERRED_PRECISIONS[kind]:
        if precision in available:
            return precision
    raise DeviceUnavailable(
        f"no encoder for {kind} in this bundle (it has {', '.join(available) or 'none'}):"
        " build the bundle again, or choose another device"
    )


def open_session(graph: bytes, options: SessionOptions) -> "Session":
    """A session on the device that `options` choose.

    Raises DeviceUnavailable when an explicit device is missing or fell to another, and when the
    graph cannot be loaded.
    """
    provider = _provider(options.device)
    if provider not in ort.get_available_providers():
        raise DeviceUnavailable(_provider_error(provider, "here lacks it"))
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3  # errors only: a fallback is detected and reported below
    try:
        session = ort.InferenceSession(
            graph, settings, providers=_with_fallbacks(provider, options.device.index)
        )
    except Exception as error:  # ONNX Runtime raises a dozen unrelated types here
        raise DeviceUnavailable(f"the encoder cannot be loaded on {provider}: {error}") from error
    taken = session.get_providers()[0]
    if options.device.explicit and taken != provider:
        raise DeviceUnavailable(_provider_error(provider, f"took {taken}"))
    return Session(session, taken, options.device.index)


class Session:
    """An open encoder."""

    def __init__(self, session: ort.InferenceSession, provider: str, index: int) -> None:
        self._session = session
        self.provider = provider
        self.device_name = f"{_kind_of(provider)}:{index}"

    def run(
        self, outputs: Sequence[str], ids: NDArray[np.int64], mask: NDArray[np.int64]
    ) -> Mapping[str, Matrix]:
        """The named `outputs` for token ids and their mask, both [batch, tokens]."""
        values = self._session.run(list(outputs), {"input_ids": ids, "attention_mask": mask})
        return {
            name: np.asarray(value, dtype=np.float32)
            for name, value in zip(outputs, values, strict=True)
        }


def _provider_error(provider: str, instead: str) -> str:
    return (
        f"{provider} was asked for, but ONNX Runtime {instead}: install onnxruntime-gpu and its"
        " CUDA libraries, or set the device to auto or cpu"
    )


def _runs_on_cpu(choice: DeviceChoice) -> bool:
    return _provider(choice) == _PROVIDERS[DeviceKind.CPU]


def _provider(choice: DeviceChoice) -> str:
    if choice.kind is not DeviceKind.AUTO:
        return _PROVIDERS[choice.kind]
    cuda = _PROVIDERS[DeviceKind.CUDA]
    return cuda if cuda in ort.get_available_providers() else _PROVIDERS[DeviceKind.CPU]


def _with_fallbacks(provider: str, index: int) -> list[str | tuple[str, dict[str, str]]]:
    """ONNX Runtime's provider list; TensorRT leaves what it cannot run to CUDA."""
    cpu, cuda = _PROVIDERS[DeviceKind.CPU], _PROVIDERS[DeviceKind.CUDA]
    device = {"device_id": str(index)}
    if provider == cpu:
        return [cpu]
    if provider == cuda:
        return [(cuda, device), cpu]
    return [(provider, device), (cuda, device), cpu]


def _kind_of(provider: str) -> str:
    kinds = {name: kind.value for kind, name in _PROVIDERS.items()}
    return kinds.get(provider, provider)
